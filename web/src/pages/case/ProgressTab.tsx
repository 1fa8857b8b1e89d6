import { Button } from '@mantine/core';
import { useState } from 'react';
import { useMutation } from 'urql';
import { has } from '../../lib/roles';
import { text } from '../../lib/text';
import { moment, shortDay } from '../../lib/time';
import { useViewer } from '../../lib/viewer';
import { Errors, errorsOf, type UserError } from '../../ui/act';
import { Bar, Empty, Scroll } from '../../ui/page';
import { TaskStatus } from '../../ui/status';
import { Retry, type Request, type Task } from './queries';
import { range, span } from './span';

const phases = [
  { name: text.progress.phases.probe, actions: ['PROBE'] },
  { name: text.progress.phases.work, actions: ['ERASE', 'EXPORT'] },
  { name: text.progress.phases.look, actions: ['RESOLVE', 'LOCATE'] },
];

/** What each service was asked, where it stands, and what it said. The newest phase is on top. */
export function ProgressTab({ request }: { request: Request }) {
  const tasks = request.tasks.nodes;
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
                {of.map((t) => <Row key={t.id} task={t} from={from} to={to} />)}
              </tbody>
            );
          })}
        </table>
      </Scroll>
    </section>
  );
}

/** It failed, and Lethe will try again by itself. */
const again = (t: Task) => (t.state === 'READY' || t.state === 'SENT') && Boolean(t.code);

function Row({ task: t, from, to }: { task: Task; from: number; to: number }) {
  const p = text.progress;
  const { left, width } = span(t, from, to);
  const rows = t.outcomes.filter((o) => !o.conflict).reduce((sum, o) => sum + (o.count ?? 0), 0);
  return (
    <tr>
      <td>
        {t.service.name}
        <span className="sub">{t.service.owner?.name ?? text.services.noOwner}</span>
      </td>
      <td>
        <TaskStatus state={t.state} again={again(t)} />
        <span className="sub">
          {t.code && <code>{t.code}</code>}
          {again(t) && <> · {p.attempts(t.attempt)}{t.nextAt && `, ${p.next(moment(t.nextAt))}`}</>}
          {t.state === 'DONE' && t.answeredAt && p.answered(moment(t.answeredAt))}
        </span>
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
          <i className={again(t) ? 'again' : t.state} style={{ left: `${left}%`, width: `${width}%` }} />
        </div>
      </td>
      <td><Again task={t} /></td>
    </tr>
  );
}

function Again({ task }: { task: Task }) {
  const who = useViewer();
  const [errors, setErrors] = useState<UserError[]>([]);
  const [{ fetching }, retry] = useMutation(Retry);
  if (!has(who, 'HANDLER', 'APPROVER') || (task.state !== 'REFUSED' && task.state !== 'POISONED')) return null;
  const ask = async () => {
    const done = await retry({ input: { taskId: task.id } });
    setErrors(errorsOf(done.data?.retryTask, done.error));
  };
  return (
    <>
      <Button size="xs" variant="light" loading={fetching} onClick={() => void ask()} aria-label={`${text.progress.retry}: ${task.service.name}`}>{text.progress.retry}</Button>
      <Errors errors={errors} />
    </>
  );
}
