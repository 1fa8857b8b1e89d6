import { describe, expect, it } from 'vitest';
import type { PlanNode, Request, Task } from './queries';
import { eraseAgain, liftable, reasons, retry } from './reasons';

const request = (part: Partial<Request>): Request => ({ state: 'BLOCKED', alerts: [], ...part }) as Request;
const dataset = (name: string, usualMax: number | null = null) => ({ id: name, namespace: 'postgres://orders', name, usualMax });
type Outcome = Task['outcomes'][number];
const outcome = (part: Partial<Outcome>): Outcome => ({ outcome: 'PRESENT', round: 1, conflict: false, dataset: dataset('orders'), ...part }) as Outcome;
const service = (name: string) => ({ id: name, ref: name, name, stopped: false, owner: null });
const task = (part: Partial<Task>): Task => ({ id: 't', action: 'ERASE', wave: 3, state: 'DONE', service: service('Orders'), outcomes: [], ...part }) as Task;

// What can be retried is erasure.RetryTask; docs/states.md has the states.
describe('retry', () => {
  it.each([
    ['a refusal', task({ state: 'REFUSED' }), 'again'],
    ['nonsense', task({ state: 'POISONED' }), 'again'],
    ['a contradiction', task({ code: 'CONFLICT' }), 'again'],
    ['a part that was left', task({ outcomes: [outcome({ outcome: 'PARTIALLY_ERASED' })] }), 'again'],
    ['a part that was left, and then done', task({ outcomes: [outcome({ outcome: 'PARTIALLY_ERASED' }), outcome({ outcome: 'ERASED', round: 2 })] }), null],
    ['what is done', task({ outcomes: [outcome({ outcome: 'ERASED' })] }), null],
    ['a count', task({ action: 'LOCATE', code: 'CONFLICT' }), null],
    ['a failure', task({ state: 'READY', code: 'UNREACHABLE' }), 'now'],
    ['what is on its way', task({ state: 'READY' }), null],
    ['work', task({ state: 'WORKING' }), null],
    ['a wave that has not opened', task({ state: 'WAITING' }), null],
    ['what was called off', task({ state: 'CANCELLED', code: 'REQUEST_CANCELLED' }), null],
  ] as const)('%s', (_, t, want) => {
    expect(retry(request({ state: 'EXECUTING' }), t)).toBe(want);
    expect(retry(request({ state: 'CLOSED' }), t)).toBe(null);
  });
  it('work that people were told of, until it is over', () => {
    const alert = { reason: 'TASK_UNDONE', taskId: 't', overAt: null } as Request['alerts'][number];
    expect(retry(request({ alerts: [alert] }), task({ state: 'WORKING' }))).toBe('now');
    expect(retry(request({ alerts: [{ ...alert, overAt: '2026-03-05T10:00:00Z' }] }), task({ state: 'WORKING' }))).toBe(null);
  });
});

describe('reasons', () => {
  const words = (r: Request, tasks: Task[], nodes: PlanNode[] = []) => reasons(r, tasks, nodes).map((x) => [x.what, x.detail.count, x.detail.usual]);

  it('counts above the usual, the wildest first, as counted last', () => {
    const before = task({ action: 'LOCATE', wave: 1, outcomes: [outcome({ count: 900, dataset: dataset('old', 10) })] });
    const now = task({
      action: 'LOCATE',
      wave: 41,
      outcomes: [
        outcome({ count: 20, dataset: dataset('twice', 10) }),
        outcome({ count: 500, dataset: dataset('wild', 10) }),
        outcome({ count: 10, dataset: dataset('usual', 10) }),
        outcome({ count: 5_000, dataset: dataset('unbounded') }),
      ],
    });
    expect(words(request({ blockedReason: 'COUNT_UNUSUAL' }), [before, now])).toEqual([
      ['postgres://orders wild', 500, 10],
      ['postgres://orders twice', 20, 10],
    ]);
  });
  it('all counts, where the catalog calls them usual by now', () => {
    const now = task({ action: 'LOCATE', outcomes: [outcome({ count: 2, dataset: dataset('some', 10) }), outcome({ count: 0, dataset: dataset('none', 10) })] });
    expect(words(request({ blockedReason: 'COUNT_UNUSUAL' }), [now])).toEqual([['postgres://orders some', 2, 10]]);
  });
  it('services that have not counted', () => {
    const silent = task({ id: 'a', action: 'LOCATE', state: 'READY', service: service('Payments') });
    expect(words(request({ blockedReason: 'COUNT_UNKNOWN' }), [silent, task({ action: 'LOCATE' })])).toEqual([['Payments', undefined, undefined]]);
  });
  it('tasks that stopped, with the way on', () => {
    const found = reasons(request({ blockedReason: 'TASK_STOPPED' }), [task({ state: 'REFUSED', code: 'LEGAL_HOLD' }), task({ id: 'fine' })], []);
    expect(found.map((x) => [x.what, x.detail.code, x.detail.task?.id])).toEqual([['Orders', 'LEGAL_HOLD', 't']]);
  });
  it('what a probe found again', () => {
    const probe = task({ action: 'PROBE', wave: 12, outcomes: [outcome({ count: 3 }), outcome({ outcome: 'ABSENT', dataset: dataset('lines') })] });
    expect(words(request({ blockedReason: 'RESIDUE' }), [task({ action: 'PROBE', wave: 10, outcomes: [outcome({ count: 9 })] }), probe])).toEqual([['Orders: orders', 3, undefined]]);
  });
  it('nothing of what a probe found in no row', () => {
    expect(words(request({ blockedReason: 'RESIDUE' }), [task({ action: 'PROBE', outcomes: [outcome({ count: 0 })] })])).toEqual([]);
  });
  it('gaps of the plan, and parts that were left', () => {
    const gap = { number: 7, kind: 'GAP', dataset: dataset('events') } as unknown as PlanNode;
    const left = task({ outcomes: [outcome({ outcome: 'PARTIALLY_ERASED' })] });
    expect(words(request({ blockedReason: 'GAPS' }), [left], [gap, { ...gap, number: 8, kind: 'ASK' }]).map(([what]) => what)).toEqual(['postgres://orders events', 'Orders']);
  });
  it('nothing is known of two people but that they are two', () => {
    expect(reasons(request({ blockedReason: 'TWO_PEOPLE' }), [task({})], [])).toEqual([]);
  });
});

it.each([
  ['TWO_PEOPLE', true], ['COUNT_UNUSUAL', true], ['COUNT_UNKNOWN', true], ['DAILY_CEILING', true],
  ['RESOLVE_FAILED', true], ['TASK_STOPPED', true], ['RESIDUE', false], ['GAPS', false], // BLOCK_STAYS in docs/errors.md
] as const)('%s', (blockedReason, want) => {
  expect(liftable(request({ blockedReason }))).toBe(want);
});

// What is erased again is what the last probes found: erasure.RetryTask.
describe('eraseAgain', () => {
  const before = task({ id: 'before', action: 'PROBE', wave: 10, outcomes: [outcome({ count: 9 })] });
  const clean = task({ id: 'clean', action: 'PROBE', wave: 12, service: service('Reviews'), outcomes: [outcome({ outcome: 'ABSENT' })] });
  const orders = task({ id: 'orders', action: 'PROBE', wave: 12, outcomes: [outcome({ count: 3 }), outcome({ count: 2, dataset: dataset('lines') }), outcome({ count: 50, conflict: true })] });
  const payments = task({ id: 'payments', action: 'PROBE', wave: 12, service: service('Payments'), outcomes: [outcome({ count: 1 })] });

  it('all that the last look found, by a probe that found something', () => {
    expect(eraseAgain(request({ blockedReason: 'RESIDUE' }), [before, clean, orders, payments])).toEqual({ probeId: 'orders', rows: 6, services: 2 });
  });
  it.each([
    ['another reason', request({ blockedReason: 'TASK_STOPPED' }), [orders]],
    ['a request that goes on', request({ state: 'EXECUTING', blockedReason: null }), [orders]],
    ['nothing found', request({ blockedReason: 'RESIDUE' }), [before, clean]],
  ] as const)('not: %s', (_, r, tasks) => {
    expect(eraseAgain(r, [...tasks])).toBe(null);
  });
});
