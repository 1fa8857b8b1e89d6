import { ActionIcon, Button, CopyButton } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useEffect, useState, type ReactNode } from 'react';
import type { CombinedError } from 'urql';
import { Refused } from '../lib/client';
import { text } from '../lib/text';

/** The head of a page: its name, which is also the document's, and what can be done here. */
export function Head({ title, name, lead, badge, children }: { title: ReactNode; name: string; lead?: ReactNode; badge?: ReactNode; children?: ReactNode }) {
  useEffect(() => {
    document.title = `${name} · ${text.app.name}`;
  }, [name]);
  return (
    <div className="head">
      <div>
        <div className="title">
          <h1>{title}</h1>
          {badge}
        </div>
        {lead && <p className="lead">{lead}</p>}
      </div>
      {children && <div className="acts">{children}</div>}
    </div>
  );
}

/** A page or list with nothing in it: what would be here, and how it comes here. */
export function Empty({ title, why, cli, children }: { title: string; why: string; cli?: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      <p>{why}</p>
      {cli && <code>{cli}</code>}
      {children && <div className="acts">{children}</div>}
    </div>
  );
}

/** What failed and what to do about it; the page around it stays. */
export function Failure({ error, again }: { error: CombinedError; again: () => void }) {
  const cause = error.networkError;
  const id = cause instanceof Refused ? cause.requestId : '';
  return (
    <div className="notice bad" role="alert">
      <div>
        <strong>{cause && !(cause instanceof Refused) ? text.app.offline : text.app.failed}</strong>
        <p>{error.graphQLErrors[0]?.message ?? text.app.failedWhy}</p>
        {id && <p className="small">{text.app.requestId}: <code>{id}</code></p>}
      </div>
      <Button variant="default" onClick={again}>{text.app.retry}</Button>
    </div>
  );
}

/** Lines in the place of what is coming, after a moment: quick answers do not flicker. */
export function Skeleton({ lines = 6 }: { lines?: number }) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="pad stack" role="status" aria-label={text.app.loading}>
      {shown && Array.from({ length: lines }, (_, i) => <span key={i} className="skeleton" style={{ width: `${90 - ((i * 17) % 50)}%` }} />)}
    </div>
  );
}

/** A digest, which nobody reads whole, with a button that copies it. */
export function Digest({ value, short = true }: { value: string; short?: boolean }) {
  return (
    <span className="digest">
      <code title={value} className={short ? undefined : 'break'}>{short ? `${value.slice(0, 16)}…` : value}</code>
      <CopyButton value={value}>
        {({ copied, copy }) => (
          <ActionIcon className="no-print" variant="subtle" size={24} color="gray" onClick={copy} aria-label={copied ? text.app.copied : `${text.app.copy} ${value.slice(0, 8)}`}>
            {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          </ActionIcon>
        )}
      </CopyButton>
    </span>
  );
}

/** How far tasks are, as a bar with a name for screen readers. */
export function Bar({ done, stopped = 0, total, label }: { done: number; stopped?: number; total: number; label: string }) {
  const share = (n: number) => `${total === 0 ? 0 : (100 * n) / total}%`;
  return (
    <div className="bar" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={Math.max(total, 1)} aria-valuenow={done} aria-valuetext={label}>
      <i style={{ width: share(done) }} />
      <i className="bad" style={{ width: share(stopped) }} />
    </div>
  );
}

/** A wide table that can be scrolled by keyboard where it does not fit. */
export function Scroll({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="scroll" role="region" aria-label={text.app.table(label)} tabIndex={0}>
      {children}
    </div>
  );
}

/** The name of a principal, which may have been erased. */
export const nameOf = (who: { name?: string | null } | null | undefined): string => who?.name ?? text.app.somebody;
