import { describe, expect, it } from 'vitest';
import { range, span } from './span';

const at = (s: number) => new Date(s * 1000).toISOString();

describe('span', () => {
  it.each([
    ['done', { state: 'DONE', sentAt: at(10), answeredAt: at(60) }, { left: 10, width: 50 }],
    ['under way, to the end', { state: 'WORKING', sentAt: at(40), answeredAt: at(50) }, { left: 40, width: 60 }],
    ['never sent', { state: 'WAITING' }, { left: 98, width: 2 }],
    ['at once', { state: 'DONE', sentAt: at(10), answeredAt: at(10) }, { left: 10, width: 2 }],
    ['sent before the axis', { state: 'DONE', sentAt: at(-10), answeredAt: at(50) }, { left: 0, width: 50 }],
    ['sent after the axis', { state: 'SENT', sentAt: at(500) }, { left: 98, width: 2 }],
  ])('%s', (_, task, want) => {
    expect(span(task, 0, 100_000)).toEqual(want);
  });

  it('never leaves an axis without length', () => {
    const { left, width } = span({ state: 'DONE', sentAt: at(1), answeredAt: at(1) }, 1000, 1000);
    expect(left + width).toBeLessThanOrEqual(100);
  });
});

describe('range', () => {
  const done = { state: 'DONE', sentAt: at(10), answeredAt: at(20) };
  it('ends with the last answer when all have ended', () => {
    expect(range([done, { state: 'REFUSED', sentAt: at(12), answeredAt: at(40) }], 99_000)).toEqual({ from: 10_000, to: 40_000 });
  });
  it('lasts until now while one is under way', () => {
    expect(range([done, { state: 'SENT', sentAt: at(12) }], 99_000)).toEqual({ from: 10_000, to: 99_000 });
  });
  it('is a point before anything was sent', () => {
    expect(range([{ state: 'WAITING' }], 99_000)).toEqual({ from: 99_000, to: 99_000 });
  });
});
