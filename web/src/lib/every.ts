import { useCallback, useEffect, useState } from 'react';
import { useClient, type Client, type CombinedError, type TypedDocumentNode } from 'urql';

/** A page of a list, as every list of the API has it. */
export interface Page<Row> {
  nodes: Row[];
  pageInfo: { hasNextPage: boolean; endCursor?: string | null };
}

type Document<Data> = TypedDocumentNode<Data, { after?: string | null }>;

/** All rows of a list, page after page. Where one page cannot be had, those before it do not count either. */
export async function every<Data, Row>(client: Pick<Client, 'query'>, document: Document<Data>, page: (d: Data) => Page<Row>): Promise<{ rows: Row[]; error?: CombinedError }> {
  const rows: Row[] = [];
  for (let after: string | null | undefined; ; ) {
    const { data, error } = await client.query(document, { after }).toPromise();
    if (error || !data) return { rows: [], error };
    const { nodes, pageInfo } = page(data);
    rows.push(...nodes);
    if (!pageInfo.hasNextPage) return { rows };
    after = pageInfo.endCursor;
  }
}

/** All rows of a list to choose from, undefined until the last of them is here. */
export function useEvery<Data, Row>(document: Document<Data>, page: (d: Data) => Page<Row>): { rows?: Row[]; error?: CombinedError; again: () => void } {
  const client = useClient();
  const [state, setState] = useState<{ rows?: Row[]; error?: CombinedError }>({});
  const [pick] = useState(() => page);
  const load = useCallback(() => {
    let wanted = true;
    void every(client, document, pick).then(({ rows, error }) => {
      if (wanted) setState(error ? { error } : { rows });
    });
    return () => {
      wanted = false;
    };
  }, [client, document, pick]);
  useEffect(load, [load]);
  return { ...state, again: load };
}
