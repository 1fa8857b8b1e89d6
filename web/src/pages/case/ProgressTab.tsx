import { text } from '../../lib/text';
import { moment, shortDay } from '../../lib/time';
import { Bar, Empty, Scroll } from '../../ui/page';
import { TaskStatus } from '../../ui/status';
import type { Request, Task } from './queries';
import { retry, waits } from './reasons';
import { RetryButton } from './Retry';
import { range, span } from './span';
import type { Whole } from './whole';

const phases = [
  { name: text.progress.phases.probe, actions: ['PROBE'] },
  { name: text.progress.phases.work, actions: ['ERASE', 'EXPORT'] },
  { name: text.progress.phases.look, actions: ['RESOLVE', 'LOCATE'] },
];

/** What each service was asked, where it stands, and what it said. The newest phase is on top. */
export function ProgressTab({ request, all }: { request: Request; all: Whole }) {
  const { tasks } = all;
  const { done, stopped, total } = request.progress;
  const p = text.progress;
  if (tasks.length === 0) return <div className="sheet"><Empty title={p.empty} why={p.emptyWhy} /></div>;
  return (
    <section className="sheet" aria-label={p.title}>
      <header>
        <h2>{p.title}</h2>
        <div style={{ flex: '1 1 160px', maxWidth: 360 }}><Bar done={done} stopped={stopped} total={total} label={p.summary(done, total)} /></div>
        <span className="dim small">{p.summary(done, total)}</span>
      </header>
      <Scroll label={p.title}>
        <table className="grid">
          <thead>
            <tr>
              <th scope="col">{p.columns.service}</th>
              <th scope="col">{p.columns.state}</th>
              <th scope="col">{p.columns.action}</th>
              <th scope="col" className="num">{p.columns.rows}</th>
              <th scope="col">{p.columns.when}</th>
              <th scope="col"><span className="hidden">{p.columns.act}</span></th>
            </tr>
          </thead>
          {phases.map(({ name, actions }) => {
            const of = tasks.filter((t) => actions.includes(t.action));
            if (of.length === 0) return null;
            // Each phase has an axis of its own: an idle week between them would
            // squeeze every second of work to nothing.
            const { from, to } = range(of, Date.now());
            return (
              <tbody key={name}>
                <tr className="band">
                  <th scope="colgroup" colSpan={4}>{name}</th>
                  <td className="range" colSpan={2}>{from < to && `${moment(new Date(from).toISOString())} – ${moment(new Date(to).toISOString())}`}</td>
                </tr>
                {of.map((t) => <Row key={t.id} request={request} task={t} from={from} to={to} />)}
              </tbody>
            );
          })}
        </table>
      </Scroll>
      {!all.tasksAreWhole && <p className="more dim small" role="status">{text.case.more}</p>}
    </section>
  );
}

function Row({ request, task: t, from, to }: { request: Request; task: Task; from: number; to: number }) {
  const p = text.progress;
  const { left, width } = span(t, from, to);
  const again = waits(t);
  const way = retry(request, t);
  const alert = request.alerts.find((a) => a.reason === 'TASK_UNDONE' && a.taskId === t.id);
  const rows = t.outcomes.filter((o) => !o.conflict).reduce((sum, o) => sum + (o.count ?? 0), 0);
  return (
    <tr>
      <td>
        {t.service.name}
        <span className="sub">{t.service.owner?.name ?? text.services.noOwner}</span>
      </td>
      <td>
        <TaskStatus state={t.state} again={again} />
        <span className="sub">
          {t.code && <code>{t.code}</code>}
          {t.code && (again || t.state === 'DONE') && ' · '}
          {again && <>{p.attempts(t.attempt)}{t.nextAt && `, ${p.next(moment(t.nextAt))}`}</>}
          {t.state === 'DONE' && t.answeredAt && p.answered(moment(t.answeredAt))}
        </span>
        {alert && <span className="sub">{alert.overAt ? p.wasUndone(moment(alert.overAt)) : p.undone(alert.times, moment(alert.raisedAt))}</span>}
      </td>
      <td>
        {p.action[t.action]}
        {t.outcomes.map((o) => (
          <span className="sub" key={`${o.dataset.id}${o.round}${o.outcome}${o.conflict}`}>
            {o.dataset.name}: {p.outcome[o.outcome]}
            {o.ground && `, ${text.plan.on(o.ground)}`}
            {o.until && `, ${text.plan.until(shortDay(o.until))}`}
            {o.conflict && <em className="errors"> ({p.conflict})</em>}
          </span>
        ))}
      </td>
      <td className="num">{t.outcomes.length > 0 ? rows.toLocaleString(text.locale) : text.app.none}</td>
      <td style={{ minWidth: 160 }}>
        <div className="timeline" aria-hidden>
          <i className={again ? 'again' : t.state} style={{ left: `${left}%`, width: `${width}%` }} />
        </div>
      </td>
      <td>{way && <RetryButton taskId={t.id} service={t.service.name} way={way} />}</td>
    </tr>
  );
}
