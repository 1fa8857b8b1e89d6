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
  const over = t.state === 'DONE' || t.state === 'REFUSED' || t.state === 'POISONED' || t.state === 'CANCELLED';
  const end = over && t.answeredAt ? at(Date.parse(t.answeredAt)) : 100;
  return { left, width: Math.max(2, end - left) };
}
