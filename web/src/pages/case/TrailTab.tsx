import { Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useClient, useQuery } from 'urql';
import type { TrailQuery } from '../../gql/graphql';
import { text } from '../../lib/text';
import { Entries } from '../../ui/entries';
import { Empty, Failure, Skeleton } from '../../ui/page';
import { TrailDocument, type Request } from './queries';

type Connection = TrailQuery['auditTrail'];

/** Every act on this request in its order, as the audit log has it. */
export function TrailTab({ request }: { request: Request }) {
  const t = text.trail;
  const client = useClient();
  const [{ data, error }, again] = useQuery({ query: TrailDocument, variables: { id: request.id }, requestPolicy: 'network-only' });
  const [more, setMore] = useState<Connection[]>([]);
  useEffect(() => {
    again({ requestPolicy: 'network-only' }); // the trail grows with the request
  }, [request.rev, again]);
  if (error && !data) return <Failure error={error} again={() => again({ requestPolicy: 'network-only' })} />;
  if (!data) return <div className="sheet"><Skeleton /></div>;
  const last = more.at(-1) ?? data.auditTrail;
  const next = async () => {
    const done = await client.query(TrailDocument, { id: request.id, after: last.pageInfo.endCursor }).toPromise();
    if (done.data) setMore([...more, done.data.auditTrail]);
  };
  const all = [data.auditTrail, ...more].flatMap((c) => c.nodes);
  return (
    <section className="sheet" aria-label={t.title}>
      <header><h2>{t.title}</h2></header>
      {all.length === 0 ? <Empty title={t.none} why={t.noneWhy} /> : <Entries entries={all} label={t.title} />}
      {last.pageInfo.hasNextPage && <div className="more"><Button variant="default" size="xs" onClick={() => void next()}>{t.more}</Button></div>}
    </section>
  );
}
