import { MantineProvider } from '@mantine/core';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { createClient, fetchExchange, Provider } from 'urql';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import type { Role } from '../../gql/graphql';
import { ViewerProvider } from '../../lib/viewer';
import { theme } from '../../theme';
import { Explain, planName } from './Explain';
import type { PlanNode } from './queries';

beforeAll(() => {
  window.matchMedia ??= ((query: string) => ({ matches: false, media: query, addEventListener: () => undefined, removeEventListener: () => undefined })) as never;
});
afterEach(cleanup);

const gap = { number: 7, kind: 'GAP', reason: 'UNKNOWN_READER', reader: 'my_tool', service: null, owner: { id: 'o', ref: 'shop', name: 'Shop' }, dataset: { id: 'd', namespace: 'kafka://default', name: 'orders' } } as unknown as PlanNode;
const read = (cluster: string, group: string, service: string | null = null, dismissal: string | null = null) => ({ cluster, group, service: service && { id: service }, dismissal: dismissal && { id: dismissal } });
const mine = [read('default', 'my_tool', 'another'), read('default', 'my tool', null, 'explained'), read('eu', 'my tool'), read('default', 'other')];

function show(roles: Role[], { node = gap, reads = mine, refused = [] as unknown[], teams = ['shop'] } = {}) {
  const asked = vi.fn(async (_url: unknown, init?: RequestInit) => {
    const { operationName } = JSON.parse(String(init?.body)) as { operationName: string };
    return Response.json({ data: operationName === 'ObservedReads' ? { node: { __typename: 'Dataset', id: 'd', observedReads: reads } } : { dismissReader: { dismissal: null, userErrors: refused } } });
  });
  const client = createClient({ url: 'http://lethe.example/graphql', fetch: asked, preferGetMethod: false, exchanges: [fetchExchange] });
  render(
    <MantineProvider theme={theme} env="test">
      <Provider value={client}>
        <ViewerProvider value={{ id: 'me', name: 'N', roles, teams }}><Explain node={node} /></ViewerProvider>
      </Provider>
    </MantineProvider>,
  );
  const sent = () => JSON.parse(String(asked.mock.calls.at(-1)![1]?.body)) as { operationName: string; variables: { input: Record<string, string> } };
  return { sent, buttons: screen.queryAllByRole('button').map((b) => b.textContent) };
}

const fill = async (reason: string, until: string) => {
  fireEvent.click(screen.getByRole('button', { name: 'Explain this reader: my_tool' }));
  fireEvent.change(await screen.findByLabelText(/What it was/), { target: { value: reason } });
  fireEvent.change(screen.getByLabelText(/Covers what is seen/), { target: { value: until } });
  fireEvent.click(screen.getByRole('button', { name: 'Explain this reader' }));
};

// Who may: dismissReader in graph/matrix_test.go.
it.each([
  ['a steward of the team', ['HANDLER', 'STEWARD'], {}, ['Explain this reader…']],
  ['an admin', ['DPO', 'ADMIN'], { teams: [] }, ['Explain this reader…']],
  ['a steward of another team', ['HANDLER', 'STEWARD'], { teams: ['pay'] }, []],
  ['a handler', ['HANDLER'], {}, []],
  ['an approver', ['APPROVER'], {}, []],
  ['a gap that is no reader', ['ADMIN'], { node: { ...gap, reader: null } }, []],
  ['a reader that is explained', ['ADMIN'], { node: { ...gap, kind: 'EXCLUDED' } as PlanNode }, []],
] as [string, Role[], object, string[]][])('%s', (_, roles, more, want) => {
  expect(show(roles, more).buttons).toEqual(want);
});

it('sends the name and the cluster as they are, and says what makes it count', async () => {
  const { sent } = show(['STEWARD']);
  await fill('looked once', '2026-12-31');
  await screen.findByText('Explained. It counts once the plan is made anew.');
  expect(sent()).toMatchObject({ operationName: 'DismissReader', variables: { input: { cluster: 'eu', name: 'my tool', datasetId: 'd', reason: 'looked once' } } });
  const until = new Date(sent().variables.input.validTo!);
  expect([until.getFullYear(), until.getMonth(), until.getDate(), until.getHours()]).toEqual([2026, 11, 31, 23]);
});

it('asks which, where several are written alike', async () => {
  const { sent } = show(['ADMIN'], { reads: [read('default', 'my tool'), read('eu', 'my/tool')] });
  fireEvent.click(screen.getByRole('button', { name: 'Explain this reader: my_tool' }));
  fireEvent.change(await screen.findByLabelText('Which reader'), { target: { value: '1' } });
  fireEvent.change(screen.getByLabelText(/What it was/), { target: { value: 'looked once' } });
  fireEvent.change(screen.getByLabelText(/Covers what is seen/), { target: { value: '2026-12-31' } });
  fireEvent.click(screen.getByRole('button', { name: 'Explain this reader' }));
  await waitFor(() => expect(sent()).toMatchObject({ variables: { input: { cluster: 'eu', name: 'my/tool' } } }));
});

it('shows what is wrong at its field', async () => {
  show(['ADMIN'], { refused: [
    { code: 'TOO_LONG', path: ['input', 'reason'], message: 'a reason has at most' },
    { code: 'OUT_OF_RANGE', path: ['input', 'validTo'], message: 'within 180 days; explain' },
  ] });
  await fill('x', '2999-01-01');
  await screen.findByText('a reason has at most');
  const told = (label: RegExp) => (screen.getByLabelText(label).getAttribute('aria-describedby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent).join(' ');
  expect(told(/What it was/)).toContain('a reason has at most');
  expect(told(/Covers what is seen/)).toContain('within 180 days; explain');
  expect(screen.queryByText(/It counts once/)).toBe(null);
});

// PlanNode.reader: signs that are none of a plain name are written as _, 200 at most.
it.each([['console-17', 'console-17'], ['a b/c', 'a_b_c'], ['größe😀.x', 'gr__e_.x'], ['x'.repeat(300), 'x'.repeat(200)]])('%s is written %s', (group, want) => {
  expect(planName(group)).toBe(want);
});
