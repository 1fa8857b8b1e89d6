import { expect, it } from 'vitest';
import { CombinedError, type TypedDocumentNode } from 'urql';
import { every, type Page } from './every';

const document = {} as TypedDocumentNode<Page<number>, { after?: string | null }>;
const answers = (pages: Record<string, Page<number> | null>) => ({
  query: (_: unknown, { after }: { after?: string | null }) => ({
    toPromise: async () => {
      const data = pages[after ?? ''];
      return data ? { data } : { error: new CombinedError({ networkError: new Error('away') }) };
    },
  }),
});

it('has the rows of every page', async () => {
  const client = answers({
    '': { nodes: [1, 2], pageInfo: { hasNextPage: true, endCursor: 'a' } },
    a: { nodes: [3], pageInfo: { hasNextPage: true, endCursor: 'b' } },
    b: { nodes: [4], pageInfo: { hasNextPage: false, endCursor: 'c' } },
  });
  expect(await every(client as never, document, (d) => d)).toEqual({ rows: [1, 2, 3, 4] });
});

it('has none rather than some', async () => {
  const client = answers({ '': { nodes: [1], pageInfo: { hasNextPage: true, endCursor: 'a' } }, a: null });
  const { rows, error } = await every(client as never, document, (d) => d);
  expect(rows).toEqual([]);
  expect(error).toBeTruthy();
});
