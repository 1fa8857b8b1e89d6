import { describe, expect, it } from 'vitest';
import { dayAfter, daysBetween, due, elapsed, lastDay } from './due';

describe('due', () => {
  it.each([
    [{ daysLeft: -1 }, 'over', '1 day overdue'],
    [{ daysLeft: -12 }, 'over', '12 days overdue'],
    [{ daysLeft: 0 }, 'now', 'Due today'], // the due day is the loudest, never a dash
    [{ daysLeft: 1 }, 'soon', 'Due tomorrow'],
    [{ daysLeft: 7 }, 'soon', '7 days left'],
    [{ daysLeft: 8 }, 'calm', '8 days left'],
    [{ daysLeft: 1234 }, 'calm', '1,234 days left'],
    [{ daysLeft: null }, 'done', 'Closed'],
    [{}, 'done', 'Closed'],
    [{ daysLeft: 3, pausedOn: '2026-03-05' }, 'still', 'Clock stands still'],
    [{ daysLeft: null, pausedOn: '2026-03-05' }, 'done', 'Closed'],
  ] as const)('%o', (dates, urgency, words) => {
    expect(due(dates)).toEqual({ urgency, words });
  });
});

describe('daysBetween', () => {
  it.each([
    ['2026-03-05', '2026-04-07', 33], // over the change to summer time: still whole days
    ['2026-10-20', '2026-10-30', 10], // and back
    ['2028-02-28', '2028-03-01', 2], // a leap year
    ['2026-12-31', '2027-01-01', 1],
    ['2026-03-05', '2026-03-05', 0],
    ['2026-03-05', '2026-03-01', -4],
  ])('%s to %s', (from, to, days) => {
    expect(daysBetween(from, to)).toBe(days);
  });
});

describe('elapsed', () => {
  it.each([
    ['2026-11-01', '2026-12-01', 30, 0],
    ['2026-11-01', '2026-12-01', 15, 0.5],
    ['2026-11-01', '2026-12-01', 0, 1],
    ['2026-11-01', '2026-12-01', -9, 1],
    ['2026-11-01', '2026-12-01', 40, 0],
    ['2026-11-01', '2026-11-01', 0, 1],
  ])('%s to %s with %d left', (from, to, left, share) => {
    expect(elapsed(from, to, left)).toBe(share);
  });
});

it('dayAfter crosses months', () => {
  expect(dayAfter(new Date('2026-11-28T23:59:00Z'), 8)).toBe('2026-12-06');
});

it.each([
  [['2036-11-25', '2027-02-01'], '2036-11-25'], // kept for ten years, and its erased neighbours' backups are gone by February
  [[null, '2027-02-01'], '2027-02-01'],
  [[undefined, null], undefined],
])('the last day of %j', (days, want) => {
  expect(lastDay(...days)).toBe(want);
});
