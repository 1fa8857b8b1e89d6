import { expect, it } from 'vitest';
import { has, mayApprove, mayExplain, type Viewer } from './roles';

const who = (id: string, ...roles: Viewer['roles']): Viewer => ({ id, name: 'N', roles, teams: [] });

it('has any of the roles', () => {
  expect(has(who('1', 'HANDLER'), 'APPROVER', 'HANDLER')).toBe(true);
  expect(has(who('1'), 'HANDLER')).toBe(false);
});

it.each([
  ['an approver', who('1', 'APPROVER'), { id: '2' }, true],
  ['an approver who opened it', who('1', 'APPROVER', 'HANDLER'), { id: '1' }, false],
  ['a handler', who('1', 'HANDLER'), { id: '2' }, false],
  ['the officer', who('1', 'DPO'), { id: '2' }, false],
  ['an approver, opener erased', who('1', 'APPROVER'), null, true],
] as const)('%s', (_, viewer, openedBy, may) => {
  expect(mayApprove(viewer, openedBy)).toBe(may);
});

// RequireOwner in internal/access: a steward of the owning team, or an admin.
it.each([
  ['a steward of the team', { ...who('1', 'STEWARD'), teams: ['shop'] }, { ref: 'shop' }, true],
  ['a steward of another', { ...who('1', 'STEWARD'), teams: ['pay'] }, { ref: 'shop' }, false],
  ['a steward, nobody owns it', { ...who('1', 'STEWARD'), teams: ['shop'] }, null, false],
  ['a member who is no steward', { ...who('1', 'HANDLER'), teams: ['shop'] }, { ref: 'shop' }, false],
  ['an admin', who('1', 'ADMIN'), null, true],
] as const)('%s', (_, viewer, owner, may) => {
  expect(mayExplain({ ...viewer, teams: [...viewer.teams] }, owner)).toBe(may);
});
