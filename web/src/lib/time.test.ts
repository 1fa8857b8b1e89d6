import { expect, it } from 'vitest';
import { bytes, day, dayIn, fullMoment, moment, shortDay } from './time';

it('days are the same in every zone', () => {
  expect(day('2026-12-10')).toBe('Thu, 10 Dec 2026');
  expect(shortDay('2026-01-01')).toBe('1 Jan 2026');
});

it('a moment of today has no date, another has', () => {
  const now = new Date(2026, 11, 10, 18, 0, 0);
  expect(moment(new Date(2026, 11, 10, 9, 5, 7).toISOString(), now)).toBe('09:05:07');
  expect(moment(new Date(2026, 11, 9, 9, 5, 7).toISOString(), now)).toBe('9 Dec 2026, 09:05');
  expect(fullMoment(new Date(2026, 11, 10, 9, 5, 7).toISOString())).toMatch(/^10 Dec 2026, 09:05:07 /);
});

it.each([
  ['Europe/Berlin', '2026-03-05'],
  ['Europe/Lisbon', '2026-03-04'],
  ['Pacific/Auckland', '2026-03-05'],
])('the day in %s', (zone, want) => {
  expect(dayIn(zone, new Date('2026-03-04T23:30:00Z'))).toBe(want);
});

it.each([[0, '0 B'], [1023, '1023 B'], [1024, '1.0 KiB'], [23_654, '23.1 KiB'], [1 << 30, '1.0 GiB'], [5e15, '4547.5 TiB']])('%d bytes', (n, words) => {
  expect(bytes(n)).toBe(words);
});
