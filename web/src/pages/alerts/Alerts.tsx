import { Link, useSearch } from '@tanstack/react-router';
import { useEffect } from 'react';
import { useQuery } from 'urql';
import { graphql } from '../../gql';
import type { AlertsQuery } from '../../gql/graphql';
import { needs } from '../../lib/roles';
import { text } from '../../lib/text';
import { moment } from '../../lib/time';
import { Empty, Failure, Head, Scroll, Skeleton } from '../../ui/page';
import { RetryButton } from '../case/Retry';
import { Allowed } from '../shell/Allowed';
import { StopButton } from '../shell/Stops';
import { context } from '../shell/AlertCount';

const AlertsDocument = graphql(`
  query Alerts($after: String) {
    alerts(first: 50, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        reason
        taskId
        action
        code
        raisedAt
        toldAt
        times
        service {
          id
          name
          owner {
            id
            name
          }
        }
        dataset {
          id
          namespace
          name
        }
        request {
          id
          caseNumber
        }
      }
    }
  }
`);

type Alert = AlertsQuery['alerts']['nodes'][number];

/** What people must know about tasks, the oldest first. */
export function Alerts() {
  return (
    <Allowed roles={needs.requests} name={text.alerts.title}>
      <Body />
    </Allowed>
  );
}

function Body() {
  const { after } = useSearch({ from: '/alerts' });
  const [{ data, error }, again] = useQuery({ query: AlertsDocument, variables: { after }, context });
  useEffect(() => {
    const timer = setInterval(() => again({ requestPolicy: 'network-only' }), 15_000);
    return () => clearInterval(timer);
  }, [again]);
  const u = text.alerts;
  const page = data?.alerts;
  return (
    <>
      <Head title={u.title} name={u.title} lead={u.lead}><StopButton /></Head>
      {error && <Failure error={error} again={() => again({ requestPolicy: 'network-only' })} />}
      <div className="sheet">
        {!page && !error && <Skeleton />}
        {page && page.nodes.length === 0 && <Empty title={u.none} why={u.noneWhy} />}
        {page && page.nodes.length > 0 && <Rows alerts={page.nodes} />}
        {page && (after || page.pageInfo.hasNextPage) && (
          <div className="more">
            {after && <Link to="/alerts" search={{}}>{text.list.first}</Link>}
            {page.pageInfo.hasNextPage && <Link to="/alerts" search={{ after: page.pageInfo.endCursor ?? undefined }}>{text.list.next}</Link>}
          </div>
        )}
      </div>
    </>
  );
}

function Rows({ alerts }: { alerts: Alert[] }) {
  const c = text.alerts.columns;
  return (
    <Scroll label={text.alerts.title}>
      <table className="grid">
        <thead>
          <tr>
            <th scope="col">{c.service}</th>
            <th scope="col">{c.what}</th>
            <th scope="col">{c.case}</th>
            <th scope="col">{c.action}</th>
            <th scope="col">{c.since}</th>
            <th scope="col">{c.told}</th>
            <th scope="col"><span className="hidden">{c.act}</span></th>
          </tr>
        </thead>
        <tbody>
          {alerts.map((a) => (
            <tr key={`${a.taskId} ${a.reason} ${a.dataset?.id}`}>
              <td>{a.service.name}<span className="sub">{a.service.owner?.name ?? text.services.noOwner}</span></td>
              <td>{text.alert[a.reason]}{a.code && <span className="sub"><code>{a.code}</code></span>}{a.reason === 'UNPLANNED_DATASET' && <span className="sub break">{a.dataset ? `${a.dataset.namespace} ${a.dataset.name}` : text.alerts.unknown}</span>}</td>
              <td className="nowrap"><Link className="mono" to="/requests/$caseNumber" params={{ caseNumber: a.request.caseNumber }} search={{ tab: 'progress' }}>{a.request.caseNumber}</Link></td>
              <td>{text.progress.action[a.action]}</td>
              <td className="nowrap">{moment(a.raisedAt)}</td>
              <td className="nowrap">{text.alerts.times(a.times, moment(a.toldAt))}</td>
              <td>{a.reason === 'TASK_UNDONE' && <RetryButton taskId={a.taskId} service={a.service.name} way="now" />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
