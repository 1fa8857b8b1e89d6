import { expect, it } from 'vitest';
import { caseNumberIn, filterOf, views } from './List';

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

it.each([
  ['R-2026-000123', 'R-2026-000123'],
  [' r-2026-000123 ', 'R-2026-000123'],
  ['R-2026-1234567', 'R-2026-1234567'], // the millionth of a year
  ['R-2026-123', null],
  ['anna@example.com', null],
  ['', null],
])('a case number in %j', (typed, want) => {
  expect(caseNumberIn(typed)).toBe(want);
});

it('every state is in a view beside all', () => {
  const covered = new Set([...views.open!, ...views.closed!]);
  expect(covered.size).toBe(9);
});
