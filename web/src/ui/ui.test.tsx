import { MantineProvider } from '@mantine/core';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { CombinedError } from 'urql';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Refused } from '../lib/client';
import { theme } from '../theme';
import { Act, errorsOf, type UserError } from './act';
import { DueChip } from './due';
import { Bar, Digest, Failure, nameOf } from './page';
import { RequestStatus, TaskStatus } from './status';

beforeAll(() => {
  window.matchMedia ??= ((query: string) => ({ matches: false, media: query, addEventListener: () => undefined, removeEventListener: () => undefined })) as never;
});
afterEach(cleanup);

const show = (node: React.ReactNode) => render(<MantineProvider theme={theme} env="test">{node}</MantineProvider>);

describe('status', () => {
  it('says how a closed request ended', () => {
    show(<RequestStatus state="CLOSED" outcome="FULFILLED_WITH_RETENTION" />);
    expect(screen.getByText('Fulfilled, part kept by law').className).toContain('ok');
  });
  it('is a word and an icon, never colour alone', () => {
    show(<RequestStatus state="BLOCKED" />);
    const chip = screen.getByText('Needs a decision');
    expect(chip.querySelector('svg')?.getAttribute('aria-hidden')).toBe('true');
  });
  it('a task that failed and will be sent again says so', () => {
    show(<TaskStatus state="READY" again />);
    expect(screen.getByText('Trying again')).toBeTruthy();
  });
});

it('a due date tells the day itself to screen readers', () => {
  show(<DueChip dueOn="2026-12-10" daysLeft={0} />);
  expect(screen.getByText(/Due today/).textContent).toBe('Due today, Due Thu, 10 Dec 2026');
});

it('a bar has a name and a value', () => {
  show(<Bar done={3} stopped={1} total={6} label="3 of 6 tasks done" />);
  const bar = screen.getByRole('progressbar', { name: '3 of 6 tasks done' });
  expect(bar.getAttribute('aria-valuenow')).toBe('3');
  expect([...bar.children].map((c) => (c as HTMLElement).style.width)).toEqual(['50%', `${100 / 6}%`]);
});

it('a digest is shortened, and whole on hover', () => {
  show(<Digest value={'ab'.repeat(32)} />);
  expect(screen.getByTitle('ab'.repeat(32)).textContent).toBe('abababababababab…');
});

it('nobody is named whose name was erased', () => {
  expect(nameOf({ name: null })).toBe('Somebody whose name was erased');
  expect(nameOf({ name: 'Nisha Shah' })).toBe('Nisha Shah');
});

it('a failure names the call, and can be tried again', () => {
  const again = vi.fn();
  show(<Failure error={new CombinedError({ networkError: new Refused(503, 'r-17') })} again={again} />);
  expect(screen.getByText('r-17')).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(again).toHaveBeenCalledOnce();
});

describe('errorsOf', () => {
  const refused: UserError[] = [{ code: 'GAPS', path: [], message: 'no' }];
  it.each([
    ['an act that was done', { userErrors: [] }, undefined, []],
    ['a refusal', { userErrors: refused }, undefined, refused],
    ['no answer', null, new CombinedError({ networkError: new Error('away') }), [{ code: 'FAILED', path: [], message: 'Lethe did not answer as expected. What you see may be incomplete.' }]],
    ['an error of GraphQL', undefined, new CombinedError({ graphQLErrors: ['not allowed'] }), [{ code: 'FAILED', path: [], message: 'not allowed' }]],
  ])('%s', (_, result, error, want) => {
    expect(errorsOf(result, error)).toEqual(want);
  });
});

describe('a dialogue for what cannot be undone', () => {
  const dialogue = (act: () => Promise<UserError[]>, onClose = vi.fn()) => {
    show(<Act opened onClose={onClose} title="Approve this plan" button="Approve" type={{ label: 'Type 34', word: '34' }} act={act} />);
    return onClose;
  };
  const type = (value: string) => fireEvent.change(screen.getByLabelText('Type 34'), { target: { value } });
  const button = () => screen.getByRole<HTMLButtonElement>('button', { name: 'Approve' });

  it('does nothing before the number is typed', async () => {
    const act = vi.fn(async () => []);
    dialogue(act);
    expect(button().disabled).toBe(true);
    type('35');
    expect(button().disabled).toBe(true);
    fireEvent.submit(button().form!);
    expect(act).not.toHaveBeenCalled();
  });
  it('does it once and closes', async () => {
    const act = vi.fn(async () => []);
    const closed = dialogue(act);
    type(' 34 ');
    fireEvent.submit(button().form!);
    fireEvent.submit(button().form!);
    await waitFor(() => expect(closed).toHaveBeenCalled());
    expect(act).toHaveBeenCalledOnce();
  });
  it('stays open with the reason when it is refused', async () => {
    const closed = dialogue(async () => [{ code: 'PLAN_STALE', path: [], message: 'read the new plan' }]);
    type('34');
    fireEvent.submit(button().form!);
    await screen.findByText('read the new plan');
    expect(closed).not.toHaveBeenCalled();
  });
});
