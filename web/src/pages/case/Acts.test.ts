import { expect, it } from 'vitest';
import type { Role } from '../../gql/graphql';
import { possible } from './Acts';
import type { Request } from './queries';

const request = (part: Partial<Request>): Request => ({ state: 'PLANNED', openedBy: { id: 'opener', name: 'O' }, ...part }) as Request;
const who = (...roles: Role[]) => ({ id: 'me', name: 'M', roles, teams: [] });

// Who may do what is graph/schema/erasure.graphql; what is possible when, docs/states.md.
it.each([
  ['a handler, planned', request({}), ['HANDLER'], ['extend', 'pause', 'cancel']],
  ['a handler, identity pending', request({ state: 'IDENTITY_PENDING' }), ['HANDLER'], ['verify', 'extend', 'pause', 'cancel']],
  ['a handler, clock standing', request({ pausedOn: '2026-03-05' }), ['HANDLER'], ['extend', 'unpause', 'cancel']],
  ['a handler, extended', request({ extendedDueOn: '2026-06-05' }), ['HANDLER'], ['pause', 'cancel']],
  ['an approver, planned', request({}), ['APPROVER'], ['extend', 'refuse', 'cancel']],
  ['an approver who opened it', request({ openedBy: { id: 'me', name: 'M' } }), ['APPROVER'], ['extend', 'cancel']],
  ['an approver, approved', request({ state: 'EXECUTING', approvedAt: '2026-03-05T10:00:00Z' }), ['APPROVER'], ['extend', 'cancel']],
  ['an approver, closed', request({ state: 'CLOSED' }), ['APPROVER'], ['reopen', 'destroy']],
  ['an approver, key gone', request({ state: 'CLOSED', keyDestroyedAt: '2026-03-05T10:00:00Z' }), ['APPROVER'], []],
  ['the officer decides nothing', request({}), ['DPO'], []],
  ['an auditor decides nothing', request({ state: 'BLOCKED' }), ['AUDITOR'], []],
  ['merged is over', request({ state: 'MERGED' }), ['HANDLER', 'APPROVER'], []],
] as [string, Request, Role[], string[]][])('%s', (_, r, roles, want) => {
  expect(possible(r, who(...roles))).toEqual(want);
});
