/** The part of a task that a time axis shows. */
export interface Timed {
  sentAt?: string | null;
  answeredAt?: string | null;
  state: string;
}

/**
 * Where a task lies between two moments, in percent: from when it was sent to
 * when it was answered last, or to the end while it is under way. A task that
 * was never sent stands at the end, as small as can be.
 */
export function span(t: Timed, from: number, to: number): { left: number; width: number } {
  const total = Math.max(1, to - from);
  const at = (ms: number) => Math.min(100, Math.max(0, (100 * (ms - from)) / total));
  if (!t.sentAt) return { left: 98, width: 2 };
  const left = Math.min(98, at(Date.parse(t.sentAt)));
  const end = over(t) && t.answeredAt ? at(Date.parse(t.answeredAt)) : 100;
  return { left, width: Math.max(2, end - left) };
}

const over = (t: Timed) => t.state === 'DONE' || t.state === 'REFUSED' || t.state === 'POISONED' || t.state === 'CANCELLED';

/** From when the first of some tasks was sent to when the last was answered, or to now while one is under way. */
export function range(tasks: Timed[], now: number): { from: number; to: number } {
  const sent = tasks.flatMap((t) => (t.sentAt ? [Date.parse(t.sentAt)] : []));
  const answered = tasks.flatMap((t) => (t.answeredAt ? [Date.parse(t.answeredAt)] : []));
  const from = sent.length > 0 ? Math.min(...sent) : now;
  return { from, to: tasks.every(over) && answered.length > 0 ? Math.max(...answered, from) : now };
}
