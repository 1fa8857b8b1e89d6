import { describe, expect, it } from 'vitest';
import type { PlanNode, Request, Task } from './queries';
import { whole, type Rest } from './whole';

const task = (id: string) => ({ id }) as Task;
const node = (number: number) => ({ number }) as PlanNode;
const request = (more: boolean): Request =>
  ({
    id: 'r',
    tasks: { nodes: [task('1'), task('2')], pageInfo: { hasNextPage: more } },
    plan: { digest: 'now', nodes: { nodes: [node(1)], pageInfo: { hasNextPage: more } } },
  }) as Request;
const rest = (part: Partial<Rest>): Rest => ({ of: 'r', digest: 'now', tasks: [task('3')], nodes: [node(2)], ...part });
const ids = (w: { tasks: Task[]; nodes: PlanNode[] }) => [w.tasks.map((t) => t.id).join(''), w.nodes.map((n) => n.number).join('')];

describe('whole', () => {
  it('is one answer where everything fits into it', () => {
    const w = whole(request(false), null);
    expect(ids(w)).toEqual(['12', '1']);
    expect([w.planIsWhole, w.tasksAreWhole]).toEqual([true, true]);
  });
  it('says what is missing until it has come', () => {
    const w = whole(request(true), null);
    expect(ids(w)).toEqual(['12', '1']);
    expect([w.planIsWhole, w.tasksAreWhole]).toEqual([false, false]);
  });
  it('has the later pages', () => {
    const w = whole(request(true), rest({}));
    expect(ids(w)).toEqual(['123', '12']);
    expect(w.planIsWhole).toBe(true);
  });
  it('does not mix an older plan with the one to be approved', () => {
    const w = whole(request(true), rest({ digest: 'before' }));
    expect(ids(w)).toEqual(['123', '1']);
    expect(w.planIsWhole).toBe(false);
  });
  it('does not mix two requests', () => {
    expect(ids(whole(request(true), rest({ of: 'another' })))).toEqual(['12', '1']);
  });
  it('shows a task once that has moved to another page', () => {
    expect(ids(whole(request(true), rest({ tasks: [task('2'), task('3')] })))[0]).toBe('123');
  });
});
