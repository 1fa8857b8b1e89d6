import { MantineProvider } from '@mantine/core';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { createClient, fetchExchange, Provider } from 'urql';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import type { Role } from '../../gql/graphql';
import { ViewerProvider } from '../../lib/viewer';
import { theme } from '../../theme';
import { Blocked } from './Blocked';
import type { Request, Task } from './queries';

beforeAll(() => {
  window.matchMedia ??= ((query: string) => ({ matches: false, media: query, addEventListener: () => undefined, removeEventListener: () => undefined })) as never;
});
afterEach(cleanup);

const request = (part: Partial<Request>): Request => ({ id: 'r', state: 'BLOCKED', openedBy: { id: 'opener', name: 'O' }, alerts: [], ...part }) as Request;

const probe = { id: 'probe', action: 'PROBE', wave: 12, state: 'DONE', service: { name: 'Orders' }, outcomes: [{ outcome: 'PRESENT', round: 1, count: 3, conflict: false, dataset: { id: 'd', name: 'orders' } }] } as unknown as Task;
let answer: unknown;

function show(part: Partial<Request>, id: string, ...roles: Role[]) {
  answer = { resolveBlock: { userErrors: [] } };
  const asked = vi.fn(async (_url: unknown, _init?: RequestInit) => Response.json({ data: answer }));
  const client = createClient({ url: 'http://lethe.example/graphql', fetch: asked, preferGetMethod: false, exchanges: [fetchExchange] });
  render(
    <MantineProvider theme={theme} env="test">
      <Provider value={client}>
        <ViewerProvider value={{ id, name: 'N', roles, teams: [] }}>
          <Blocked request={request(part)} all={{ tasks: part.blockedReason === 'RESIDUE' ? [probe] : [], nodes: [], planIsWhole: true, tasksAreWhole: true }} />
        </ViewerProvider>
      </Provider>
    </MantineProvider>,
  );
  return { asked, buttons: screen.queryAllByRole('button').map((b) => b.textContent) };
}

// Who may do what is graph/schema/erasure.graphql; what lifts a block is docs/states.md.
it.each([
  ['an approver, before approval', { blockedReason: 'TWO_PEOPLE' }, 'me', ['APPROVER'], ['I have looked: go on…', 'Make the plan anew…']],
  ['a handler, before approval', { blockedReason: 'COUNT_UNUSUAL' }, 'me', ['HANDLER'], ['Make the plan anew…']],
  ['an approver who opened it', { blockedReason: 'COUNT_UNUSUAL' }, 'opener', ['APPROVER'], ['Make the plan anew…']],
  ['the officer', { blockedReason: 'COUNT_UNUSUAL' }, 'me', ['DPO'], []],
  ['an approver, a task stopped', { blockedReason: 'TASK_STOPPED', approvedAt: '2026-03-05T10:00:00Z' }, 'me', ['APPROVER'], ['Ask all of them again…', 'Close in part…']],
  ['an approver, gaps', { blockedReason: 'GAPS', approvedAt: '2026-03-05T10:00:00Z' }, 'me', ['APPROVER'], ['Close in part…']],
  ['a handler, residue', { blockedReason: 'RESIDUE', approvedAt: '2026-03-05T10:00:00Z' }, 'me', ['HANDLER'], ['Erase again…']],
  ['an approver, residue', { blockedReason: 'RESIDUE', approvedAt: '2026-03-05T10:00:00Z' }, 'me', ['APPROVER'], ['Erase again…', 'Close in part…']],
  ['an approver who opened it, residue', { blockedReason: 'RESIDUE', approvedAt: '2026-03-05T10:00:00Z' }, 'opener', ['APPROVER'], ['Erase again…']],
  ['the officer, residue', { blockedReason: 'RESIDUE', approvedAt: '2026-03-05T10:00:00Z' }, 'me', ['DPO'], []],
] as [string, Partial<Request>, string, Role[], string[]][])('%s', (_, part, id, roles, want) => {
  expect(show(part, id, ...roles).buttons).toEqual(want);
});

it('goes on only after it said what is taken on', async () => {
  const { asked } = show({ blockedReason: 'TWO_PEOPLE' }, 'me', 'APPROVER');
  fireEvent.click(screen.getByRole('button', { name: 'I have looked: go on…' }));
  await screen.findByText(/all these identifiers belong to the one person/);
  expect(asked).not.toHaveBeenCalled();
  fireEvent.click(screen.getByRole('button', { name: 'I have looked: go on' }));
  await waitFor(() => expect(asked).toHaveBeenCalledOnce());
  expect(JSON.parse(String(asked.mock.calls[0]![1]?.body))).toMatchObject({ operationName: 'ResolveBlock', variables: { input: { requestId: 'r' } } });
});

it('erases again by the probe that found it, and says when that was too often', async () => {
  const { asked } = show({ blockedReason: 'RESIDUE', approvedAt: '2026-03-05T10:00:00Z' }, 'me', 'HANDLER');
  answer = { retryTask: { task: null, userErrors: [{ code: 'ERASED_TOO_OFTEN', path: [], message: 'find what writes it' }] } };
  fireEvent.click(screen.getByRole('button', { name: 'Erase again…' }));
  await screen.findByText(/3 rows were found again. They will be erased by 1 service/);
  expect(asked).not.toHaveBeenCalled();
  fireEvent.click(screen.getByRole('button', { name: 'Erase again' }));
  await screen.findByText('find what writes it');
  expect(JSON.parse(String(asked.mock.calls[0]![1]?.body))).toMatchObject({ operationName: 'RetryTask', variables: { input: { taskId: 'probe' } } });
});
