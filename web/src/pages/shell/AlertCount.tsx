import { useEffect } from 'react';
import { useQuery } from 'urql';
import { graphql } from '../../gql';

const CountDocument = graphql(`
  query AlertCount {
    alerts(first: 100) {
      pageInfo {
        hasNextPage
      }
      nodes {
        taskId
      }
    }
  }
`);

/** What changes when a task is asked for again. */
export const context = { additionalTypenames: ['Alert', 'Task', 'Request'] };

/** How many alerts hold, beside the entry of the menu; nothing where none does. */
export function AlertCount() {
  const [{ data }, again] = useQuery({ query: CountDocument, context });
  useEffect(() => {
    const timer = setInterval(() => again({ requestPolicy: 'network-only' }), 60_000); // it takes a day to come
    return () => clearInterval(timer);
  }, [again]);
  if (!data || data.alerts.nodes.length === 0) return null;
  const { nodes, pageInfo } = data.alerts;
  return <span className="count bad">{nodes.length}{pageInfo.hasNextPage && '+'}</span>;
}
