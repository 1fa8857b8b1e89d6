import { expect, it } from 'vitest';
import { filterOf, views } from './List';

const now = new Date('2026-11-23T12:00:00Z');

it('open is the view of an address without words', () => {
  expect(filterOf({}, now)).toEqual({ states: views.open, types: null, dueBefore: null, open: false });
});

it.each([
  [{ view: 'decide' as const }, { states: ['BLOCKED'] }],
  [{ view: 'all' as const, type: 'ACCESS' as const }, { states: null, types: ['ACCESS'] }],
  [{ due: 'overdue' as const }, { dueBefore: '2026-11-23', open: true }],
  [{ due: 'week' as const }, { dueBefore: '2026-12-01', open: true }],
])('%o', (search, want) => {
  expect(filterOf(search, now)).toMatchObject(want);
});

it('every state is in a view beside all', () => {
  const covered = new Set([...views.open!, ...views.closed!]);
  expect(covered.size).toBe(9);
});
