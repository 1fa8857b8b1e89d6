import { IconClockExclamation, IconMapQuestion } from '@tabler/icons-react';
import { text } from '../../lib/text';
import { moment } from '../../lib/time';
import type { Request } from './queries';
import { RetryButton } from './Retry';

/** What services have left undone for a day or more, and still do; and places they know that nobody planned. */
export function Undone({ request }: { request: Request }) {
  const open = request.alerts.filter((a) => !a.overAt);
  const undone = open.filter((a) => a.reason === 'TASK_UNDONE');
  const unplanned = open.filter((a) => a.reason === 'UNPLANNED_DATASET');
  const u = text.undone;
  return (
    <>
      {undone.length > 0 && (
        <section className="notice warn tall" aria-label={u.title}>
          <IconClockExclamation size={20} stroke={1.8} aria-hidden />
          <div>
            <strong>{text.alert.TASK_UNDONE}</strong>
            <ul className="reasons">
              {undone.map((a) => (
                <li key={a.taskId}>
                  {u.one(a.service.name, text.progress.action[a.action], moment(a.raisedAt))} {a.code && <code>{a.code}</code>} <RetryButton taskId={a.taskId} service={a.service.name} way="now" />
                </li>
              ))}
            </ul>
          </div>
        </section>
      )}
      {unplanned.length > 0 && (
        <section className="notice warn tall" aria-label={text.alert.UNPLANNED_DATASET}>
          <IconMapQuestion size={20} stroke={1.8} aria-hidden />
          <div>
            <strong>{text.alert.UNPLANNED_DATASET}</strong>
            <ul className="reasons">
              {unplanned.map((a) => (
                <li key={a.taskId}>{u.unplanned(a.service.name, a.dataset ? `${a.dataset.namespace} ${a.dataset.name}` : u.unheardOf, moment(a.raisedAt))}</li>
              ))}
            </ul>
          </div>
        </section>
      )}
    </>
  );
}
