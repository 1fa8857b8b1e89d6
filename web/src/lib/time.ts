import { text } from './text';

const dayFormat = new Intl.DateTimeFormat(text.locale, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const shortFormat = new Intl.DateTimeFormat(text.locale, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });

/** A calendar day (2026-12-10) as Thu, 10 Dec 2026, whatever zone the reader is in. */
export const day = (date: string): string => dayFormat.format(new Date(`${date}T00:00:00Z`));

/** A calendar day without its weekday. */
export const shortDay = (date: string): string => shortFormat.format(new Date(`${date}T00:00:00Z`));

/** A moment in the reader's zone: the time alone on the same day, else with its date. */
export function moment(at: string, now: Date = new Date()): string {
  const when = new Date(at);
  const sameDay = when.toDateString() === now.toDateString();
  return new Intl.DateTimeFormat(text.locale, sameDay ? { hour: '2-digit', minute: '2-digit', second: '2-digit' } : { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' }).format(when);
}

/** A moment with its date, whenever it is read: for what is printed. */
export const fullMoment = (at: string): string =>
  new Intl.DateTimeFormat(text.locale, { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' }).format(new Date(at));

/** The calendar day of a moment in a time zone, as 2026-03-05. Legal days are the controller's, not the reader's. */
export const dayIn = (zone: string, at: Date): string =>
  new Intl.DateTimeFormat('en-CA', { year: 'numeric', month: '2-digit', day: '2-digit', timeZone: zone }).format(at);

/** A size in bytes for people. */
export function bytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  let v = n;
  for (; v >= 1024 && i < units.length - 1; i++) v /= 1024;
  return `${i === 0 ? v : v.toFixed(1)} ${units[i]}`;
}
