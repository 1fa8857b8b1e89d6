import { text } from './text';

/** How urgent a due date is. Red is for the law being broken, or about to be. */
export type Urgency = 'over' | 'now' | 'soon' | 'calm' | 'still' | 'done';

/** What a request says about its due date, all computed by the server. */
export interface Dates {
  daysLeft?: number | null; // null when closed
  pausedOn?: string | null;
}

/** A due date in words. The due day itself is the loudest day, never a dash. */
export function due({ daysLeft, pausedOn }: Dates): { urgency: Urgency; words: string } {
  if (daysLeft === null || daysLeft === undefined) return { urgency: 'done', words: text.due.closed };
  if (pausedOn) return { urgency: 'still', words: text.due.paused };
  if (daysLeft < 0) return { urgency: 'over', words: text.due.overdue(-daysLeft) };
  if (daysLeft === 0) return { urgency: 'now', words: text.due.today };
  if (daysLeft === 1) return { urgency: 'soon', words: text.due.tomorrow };
  return { urgency: daysLeft <= 7 ? 'soon' : 'calm', words: text.due.left(daysLeft) };
}

/** Days from one calendar day to another, both as 2026-03-05. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000);
}

/** How much of the time from receipt to the due date has passed, 0 to 1. */
export function elapsed(receivedOn: string, dueOn: string, daysLeft: number): number {
  const total = daysBetween(receivedOn, dueOn);
  if (total <= 0) return 1;
  return Math.min(1, Math.max(0, (total - daysLeft) / total));
}

/** The calendar day so many days from a moment, as 2026-03-05 in UTC. */
export function dayAfter(now: Date, days: number): string {
  return new Date(now.getTime() + days * 86_400_000).toISOString().slice(0, 10);
}

/** The day by which the last byte is gone: what is kept goes when it may, and its backups after it. */
export const lastDay = (...days: (string | null | undefined)[]): string | undefined => days.filter((d) => d !== null && d !== undefined).toSorted().at(-1);
