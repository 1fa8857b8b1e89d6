import type { PlanNode, Request, Task } from './queries';

/** The word of a service that counts: of its last round, and no contradiction. */
const said = (t: Task) => {
  const heard = t.outcomes.filter((o) => !o.conflict);
  const last = Math.max(...heard.map((o) => o.round));
  return heard.filter((o) => o.round === last);
};

/** Nobody but a person can get this task on. */
export const stuck = (t: Task): boolean => t.state === 'REFUSED' || t.state === 'POISONED' || t.code === 'CONFLICT';

/** It failed, and Lethe will try again by itself. */
export const waits = (t: Task): boolean => (t.state === 'READY' || t.state === 'SENT') && Boolean(t.code);

/**
 * How a person can get a task on: by asking anew what has stopped, or by not
 * waiting for the next attempt. The server decides again (erasure.RetryTask).
 */
export function retry(r: Request, t: Task): 'again' | 'now' | null {
  if (r.state === 'CLOSED' || r.state === 'MERGED') return null;
  if (t.state === 'WAITING' || t.state === 'CANCELLED') return null;
  if (t.state === 'REFUSED' || t.state === 'POISONED') return 'again';
  if (t.state === 'DONE') {
    if (t.action !== 'ERASE' && t.action !== 'EXPORT') return null;
    return t.code === 'CONFLICT' || said(t).some((o) => o.outcome === 'PARTIALLY_ERASED') ? 'again' : null;
  }
  return waits(t) || r.alerts.some((a) => a.reason === 'TASK_UNDONE' && a.taskId === t.id && !a.overAt) ? 'now' : null;
}

/** Every planning, and every look, asks in a wave of its own; the last one counts. */
function asked(tasks: Task[], action: Task['action']): Task[] {
  const of = tasks.filter((t) => t.action === action);
  const wave = Math.max(...of.map((t) => t.wave));
  return of.filter((t) => t.wave === wave);
}

/** What the last look found, with the probe that found it. */
const residue = (tasks: Task[]) =>
  asked(tasks, 'PROBE').flatMap((t) => said(t).filter((o) => o.outcome === 'PRESENT' && (o.count ?? 0) > 0).map((o) => ({ o, t })));

/**
 * What came back after it was erased twice, and a probe whose retrying has all
 * of it erased again. The server decides again (erasure.RetryTask).
 */
export function eraseAgain(r: Request, tasks: Task[]): { probeId: string; rows: number; services: number } | null {
  if (r.state !== 'BLOCKED' || r.blockedReason !== 'RESIDUE') return null;
  const left = residue(tasks);
  if (left.length === 0) return null;
  return { probeId: left[0]!.t.id, rows: left.reduce((sum, { o }) => sum + (o.count ?? 0), 0), services: new Set(left.map(({ t }) => t.id)).size };
}

/** One thing that a person must know before they decide about a blocked request. */
export interface Reason {
  key: string;
  what: string;
  detail: { count?: number; usual?: number; code?: string; task?: Task; gap?: PlanNode };
}

/** What stands behind the reason for which a request waits for a person, worst first. */
export function reasons(r: Request, tasks: Task[], nodes: PlanNode[]): Reason[] {
  const last = (action: Task['action']) => asked(tasks, action);
  const task = (t: Task): Reason => ({ key: t.id, what: t.service.name, detail: { code: t.code ?? undefined, task: t } });
  switch (r.blockedReason) {
    case 'COUNT_UNUSUAL':
      return unusual(last('LOCATE'));
    case 'COUNT_UNKNOWN':
      return last('LOCATE').filter((t) => t.state !== 'DONE' || said(t).some((o) => (o.dataset.usualMax ?? null) !== null && (o.count ?? null) === null)).map(task);
    case 'RESOLVE_FAILED':
      return last('RESOLVE').filter((t) => t.state !== 'DONE').map(task);
    case 'TASK_STOPPED':
      return tasks.filter(stuck).map(task);
    case 'RESIDUE':
      return residue(tasks).map(({ o, t }) => ({ key: o.dataset.id, what: `${t.service.name}: ${o.dataset.name}`, detail: { count: o.count ?? undefined } }));
    case 'GAPS':
      return [
        ...nodes.filter((n) => n.kind === 'GAP').map((n) => ({ key: `gap ${n.number}`, what: `${n.dataset.namespace} ${n.dataset.name}`, detail: { gap: n } })),
        ...tasks.filter((t) => retry(r, t) === 'again').map(task),
      ];
    default:
      return [];
  }
}

/** Counts above the usual. Where the catalog calls them usual by now: all of them. */
function unusual(located: Task[]): Reason[] {
  const all = located
    .flatMap((t) => said(t))
    .filter((o) => (o.dataset.usualMax ?? null) !== null && (o.count ?? 0) > 0)
    .map((o) => ({ key: o.dataset.id, what: `${o.dataset.namespace} ${o.dataset.name}`, detail: { count: o.count!, usual: o.dataset.usualMax! } }))
    .toSorted((a, b) => b.detail.count / Math.max(1, b.detail.usual) - a.detail.count / Math.max(1, a.detail.usual));
  const above = all.filter((x) => x.detail.count > x.detail.usual);
  return above.length > 0 ? above : all;
}

/** Going on lifts this; the other reasons stay until their cause is mended. */
export const liftable = (r: Request): boolean => r.blockedReason !== 'RESIDUE' && r.blockedReason !== 'GAPS';
