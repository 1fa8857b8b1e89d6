import { IconBell } from '@tabler/icons-react';
import { text } from '../../lib/text';
import { moment } from '../../lib/time';
import type { Request } from './queries';
import { RetryButton } from './Retry';

type Alert = Request['alerts'][number];

/** What people must know about the tasks of a request, for as long as it holds. */
export function AlertsOf({ request }: { request: Request }) {
  const open = request.alerts.filter((a) => !a.overAt);
  if (open.length === 0) return null;
  return (
    <section className="notice warn tall" aria-label={text.alerts.title}>
      <IconBell size={20} stroke={1.8} aria-hidden />
      <div>
        <strong>{text.alerts.title}</strong>
        <ul className="reasons">{open.map((a) => <Line key={`${a.taskId} ${a.reason} ${a.dataset?.id}`} alert={a} />)}</ul>
      </div>
    </section>
  );
}

function Line({ alert: a }: { alert: Alert }) {
  const w = text.alerts;
  if (a.reason === 'UNPLANNED_DATASET') {
    const dataset = a.dataset ? `${a.dataset.namespace} ${a.dataset.name}` : w.unknown;
    return <li><span className="break">{w.unplanned(a.service.name, dataset)}</span><span className="small dim"> {w.unplannedWhy}</span></li>;
  }
  return (
    <li>
      {w.undone(a.service.name, text.progress.action[a.action], moment(a.raisedAt))} {a.code && <code>{a.code}</code>} <RetryButton taskId={a.taskId} service={a.service.name} way="now" />
      <span className="small dim"> {w.undoneWhy}</span>
    </li>
  );
}
