import { Link, useSearch } from '@tanstack/react-router';
import { useQuery } from 'urql';
import { graphql } from '../../gql';
import { needs } from '../../lib/roles';
import { text } from '../../lib/text';
import { moment } from '../../lib/time';
import { Entries } from '../../ui/entries';
import { Empty, Failure, Head, Skeleton } from '../../ui/page';
import { Allowed } from '../shell/Allowed';

const AuditDocument = graphql(`
  query Audit($after: String) {
    auditCheckpoint {
      size
      sealedAt
    }
    auditEntries(first: 100, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        id
        at
        act
        code
        leaf
        actor {
          id
          name
        }
        amounts {
          name
          value
        }
      }
    }
  }
`);

/** The audit log, newest first. */
export function Audit() {
  return (
    <Allowed roles={needs.audit} name={text.audit.title}>
      <Body />
    </Allowed>
  );
}

function Body() {
  const { after } = useSearch({ from: '/audit' });
  const [{ data, error }, again] = useQuery({ query: AuditDocument, variables: { after }, requestPolicy: 'network-only' });
  const sealed = data?.auditCheckpoint;
  const page = data?.auditEntries;
  return (
    <>
      <Head title={text.audit.title} name={text.audit.title} lead={sealed ? text.audit.checkpoint(sealed.size, moment(sealed.sealedAt)) : undefined} />
      {error && <Failure error={error} again={() => again()} />}
      <div className="sheet">
        {!page && !error && <Skeleton />}
        {page && page.nodes.length === 0 && <Empty title={text.audit.none} why={text.audit.noneWhy} />}
        {page && page.nodes.length > 0 && <Entries entries={page.nodes} label={text.audit.title} />}
        {page && (after || page.pageInfo.hasNextPage) && (
          <div className="more">
            {after && <Link to="/audit" search={{}}>{text.list.first}</Link>}
            {page.pageInfo.hasNextPage && <Link to="/audit" search={{ after: page.pageInfo.endCursor ?? undefined }}>{text.list.next}</Link>}
          </div>
        )}
      </div>
    </>
  );
}
