import { IconClockExclamation } from '@tabler/icons-react';
import { text } from '../../lib/text';
import { moment } from '../../lib/time';
import type { Request } from './queries';
import { RetryButton } from './Retry';

/** What services have left undone for a day or more, and still do. */
export function Undone({ request }: { request: Request }) {
  const open = request.alerts.filter((a) => !a.overAt);
  if (open.length === 0) return null;
  const u = text.undone;
  return (
    <section className="notice warn tall" aria-label={u.title}>
      <IconClockExclamation size={20} stroke={1.8} aria-hidden />
      <div>
        <strong>{text.alert.TASK_UNDONE}</strong>
        <ul className="reasons">
          {open.map((a) => (
            <li key={a.taskId}>
              {u.one(a.service.name, text.progress.action[a.action], moment(a.raisedAt))} {a.code && <code>{a.code}</code>} <RetryButton taskId={a.taskId} service={a.service.name} way="now" />
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}
