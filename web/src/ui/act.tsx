import { Button, Modal, TextInput } from '@mantine/core';
import { useId, useState, type ReactNode } from 'react';
import type { CombinedError } from 'urql';
import { text } from '../lib/text';

/** Why the server did not do something; messages are for people. */
export interface UserError {
  code: string;
  path: string[];
  message: string;
}

/** What an act came to. */
export type Result = { userErrors: UserError[] } | null | undefined;

/** Refusals of an act, as a list above its button. */
export function Errors({ errors }: { errors: UserError[] }) {
  if (errors.length === 0) return null;
  return (
    <div className="errors" role="alert" lang="en">
      {errors.map((e) => <p key={`${e.code}${e.path.join('.')}`}>{e.message}</p>)}
    </div>
  );
}

/** Finds the message for a field of the input, by its path. */
export type At = (...path: string[]) => string | undefined;

/**
 * Sorts refusals to the fields that show them. `at` gives the message of one
 * field; `rest` is what no field has asked for, so that nothing is ever lost.
 */
export function placed(errors: UserError[]): { at: At; rest: () => UserError[] } {
  const taken = new Set<UserError>();
  return {
    at: (...path) => {
      const here = errors.filter((e) => e.path.join('.') === ['input', ...path].join('.'));
      for (const e of here) taken.add(e);
      return here.length > 0 ? here.map((e) => e.message).join(' ') : undefined;
    },
    rest: () => errors.filter((e) => !taken.has(e)),
  };
}

/** What became of a call, as user errors: those of the field, of GraphQL, or of the way there. */
export function errorsOf(result: Result, error: CombinedError | undefined): UserError[] {
  if (error) return [{ code: 'FAILED', path: [], message: error.graphQLErrors[0]?.message ?? text.app.failedWhy }];
  return result?.userErrors ?? [];
}

interface ActProps {
  title: string;
  why?: ReactNode;
  button: string;
  /** What must be typed before the button works: for what cannot be undone. */
  type?: { label: string; word: string };
  danger?: boolean;
  opened: boolean;
  onClose: () => void;
  /** Does it; what it returns is shown, and nothing closes the dialogue. */
  act: () => Promise<UserError[]>;
  /** The fields. As a function they are told what is wrong with each. */
  children?: ReactNode | ((at: At) => ReactNode);
}

/** A dialogue that says in numbers what will happen, and does it. */
export function Act({ opened, onClose, title, ...rest }: ActProps) {
  return (
    <Modal.Root opened={opened} onClose={onClose} centered transitionProps={{ duration: 120 }} radius={10}>
      <Modal.Overlay backgroundOpacity={0.4} />
      <Modal.Content>
        <Modal.Body>
          {/* Not Modal.Header: its element would be a second banner of the page. */}
          <div className="dialog-head">
            <Modal.Title>{title}</Modal.Title>
            <Modal.CloseButton aria-label={text.app.close} />
          </div>
          {opened && <Body onClose={onClose} {...rest} />}
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

function Body({ why, button, type, danger, onClose, act, children }: Omit<ActProps, 'opened' | 'title'>) {
  const [typed, setTyped] = useState('');
  const [errors, setErrors] = useState<UserError[]>([]);
  const [busy, setBusy] = useState(false);
  const form = useId();
  const ready = !type || typed.trim() === type.word;
  const { at, rest } = placed(errors);
  const submit = async (e: React.FormEvent) => {
    e.preventDefault();
    if (!ready || busy) return;
    setBusy(true);
    const found = await act();
    setBusy(false);
    setErrors(found);
    if (found.length === 0) onClose();
  };
  return (
    <form id={form} onSubmit={submit} className="stack">
      {why && <div>{why}</div>}
      {typeof children === 'function' ? children(at) : children}
      {type && <TextInput label={type.label} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} autoComplete="off" data-autofocus error={typed !== '' && !type.word.startsWith(typed.trim()) && text.confirm.mismatch} />}
      <Errors errors={rest()} />
      <div className="row" style={{ justifyContent: 'flex-end' }}>
        <Button variant="default" onClick={onClose}>{text.app.cancel}</Button>
        <Button type="submit" loading={busy} disabled={!ready} className={danger ? 'danger' : undefined}>{button}</Button>
      </div>
    </form>
  );
}
