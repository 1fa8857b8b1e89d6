import { Button } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useState } from 'react';
import { useMutation } from 'urql';
import { lastDay } from '../../lib/due';
import { has, mayApprove } from '../../lib/roles';
import { text } from '../../lib/text';
import { day, fullMoment, moment, shortDay } from '../../lib/time';
import { useViewer } from '../../lib/viewer';
import { Act, Errors, errorsOf, type UserError } from '../../ui/act';
import { Digest, Empty, nameOf, Scroll } from '../../ui/page';
import { PlanKind } from '../../ui/status';
import { Explain } from './Explain';
import { Approve, Replan } from './mutations';
import type { Plan, PlanNode, Request } from './queries';
import type { Whole } from './whole';

/** Who will be asked to do what, what stays and why, and what cannot be done. */
export function PlanTab({ request, all, refresh }: { request: Request; all: Whole; refresh: () => void }) {
  const { plan } = request;
  if (!plan) {
    return <div className="sheet"><Empty title={text.state[request.state]} why={text.case.waiting[request.state] ?? text.case.waiting.VERIFIED!} /></div>;
  }
  const exports = request.type !== 'ERASURE';
  return (
    <div className="stack">
      <Asked request={request} />
      <Summary request={request} plan={plan} all={all} refresh={refresh} />
      {plan.summary.gaps > 0 && (
        <div className="notice bad">
          <IconAlertTriangle size={20} stroke={1.8} aria-hidden />
          <div>
            <strong>{text.plan.gapsTitle(plan.summary.gaps)}</strong>
            <p>{text.plan.gapsWhy}</p>
          </div>
        </div>
      )}
      <div className="sheet">
        <Nodes all={all.nodes} exports={exports} />
        {!all.planIsWhole && <p className="more dim small" role="status">{text.plan.partial}</p>}
      </div>
    </div>
  );
}

/** Who asked for what, on which ground, and how it is known that it was they. */
function Asked({ request: r }: { request: Request }) {
  const f = text.plan.facts;
  return (
    <section className="sheet pad" aria-label={text.plan.asked}>
      <dl className="facts">
        <div><dt>{f.right}</dt><dd>{text.type[r.type]}</dd></div>
        {r.ground && <div><dt>{f.ground}</dt><dd>Art. {r.ground}<span className="sub">{text.ground[r.ground]}</span></dd></div>}
        <div><dt>{f.identity}</dt><dd>{r.identityMethod ? text.identity[r.identityMethod] : text.plan.unproved}</dd></div>
        <div><dt>{f.controller}</dt><dd>{r.controller.name}</dd></div>
        <div><dt>{f.opened}</dt><dd>{nameOf(r.openedBy)}<span className="sub">{moment(r.openedAt)}</span></dd></div>
        {r.type === 'ERASURE' && <div><dt>{f.reach}</dt><dd>{fullMoment(r.eraseBefore)}</dd></div>}
      </dl>
    </section>
  );
}

function Summary({ request, plan, all, refresh }: { request: Request; plan: Plan; all: Whole; refresh: () => void }) {
  const s = plan.summary;
  const f = text.plan.figures;
  const facts: [string, string | number, string?][] = [
    [f.rows, s.rows.toLocaleString(text.locale)],
    [f.services, s.services],
    [f.ask, s.ask],
    ...(request.type === 'ERASURE' ? ([[f.keep, s.keep], [f.expire, s.expire]] as [string, number][]) : []),
    [f.gaps, s.gaps, s.gaps > 0 ? 'bad' : ''],
    ...(request.type === 'ERASURE' ? ([[f.last, s.effectiveBy ? shortDay(s.effectiveBy) : text.plan.openEnd]] as [string, string][]) : []),
  ];
  return (
    <section className="sheet" aria-label={text.plan.title}>
      <header>
        <h2>{text.plan.title}</h2>
        <span className="dim small">{text.plan.number(plan.number, moment(plan.createdAt))}</span>
        <div className="push"><Approval request={request} plan={plan} all={all} refresh={refresh} /></div>
      </header>
      <div className="pad">
        <dl className="facts">
          {facts.map(([name, value, tint]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd className={`big ${tint ?? ''}`}>{value}</dd>
            </div>
          ))}
        </dl>
        <p className="small dim" style={{ marginTop: 12 }}>
          {text.plan.digest}: <Digest value={plan.digest} />
          {request.approvedAt && <> · {text.plan.approved(nameOf(request.approvedBy), moment(request.approvedAt))}</>}
        </p>
      </div>
    </section>
  );
}

function Approval({ request, plan, all, refresh }: { request: Request; plan: Plan; all: Whole; refresh: () => void }) {
  const who = useViewer();
  const [opened, setOpened] = useState(false);
  const [stale, setStale] = useState<UserError[]>([]);
  const [, approve] = useMutation(Approve);
  const [{ fetching }, replan] = useMutation(Replan);
  if (request.state !== 'PLANNED') return null;
  const s = plan.summary;
  const p = text.plan;
  const erases = request.type === 'ERASURE';
  const kept = all.nodes.filter((n) => n.kind === 'KEEP').reduce((sum, n) => sum + (n.count ?? 0), 0);
  const rows = s.rows - kept;
  const uncounted = all.nodes.filter((n) => (n.kind === 'ASK' || n.kind === 'KEEP') && (n.count ?? null) === null).length;
  const again = async () => {
    const done = await replan({ input: { requestId: request.id } });
    setStale(errorsOf(done.data?.replan, done.error));
  };
  return (
    <>
      <Errors errors={stale} />
      {has(who, 'HANDLER', 'APPROVER') && <Button variant="default" loading={fetching} onClick={() => void again()}>{p.replan}</Button>}
      {mayApprove(who, request.openedBy) && <Button disabled={!all.planIsWhole} onClick={() => setOpened(true)}>{p.approve}</Button>}
      {!mayApprove(who, request.openedBy) && <span className="dim small" style={{ alignSelf: 'center' }}>{has(who, 'APPROVER') ? p.notYours : p.waits}</span>}
      <Act
        opened={opened}
        onClose={() => setOpened(false)}
        title={p.approveTitle}
        button={p.approveButton}
        danger={erases}
        type={erases ? { label: p.approveType(String(rows)), word: String(rows) } : undefined}
        why={
          <div className="stack">
            <p><strong>{erases ? p.approveErase(rows, s.services) : p.approveExport(s.rows, s.services)}</strong></p>
            {s.keep > 0 && <p>{p.approveKeep(kept, s.keep)}</p>}
            {s.keep > 0 && <Stays nodes={all.nodes} />}
            {uncounted > 0 && <p className="errors">{p.approveUncounted(uncounted)}</p>}
            {s.gaps > 0 && <p className="errors">{p.approveGaps(s.gaps)}</p>}
            {erases && <p>{s.effectiveBy ? p.approveLast(day(s.effectiveBy)) : p.approveLastOpen} {p.approveDue(day(request.dueOn))}</p>}
            <p className="small dim">{p.digest}: <Digest value={plan.digest} /></p>
          </div>
        }
        act={async () => {
          const done = await approve({ input: { requestId: request.id, digest: plan.digest } });
          const errors = errorsOf(done.data?.approvePlan, done.error);
          if (errors.some((e) => e.code === 'PLAN_STALE')) {
            // What was read is not what would be done: the new plan must be read first.
            setStale([{ code: 'PLAN_STALE', path: [], message: p.stale }]);
            refresh();
            return [];
          }
          return errors;
        }}
      />
    </>
  );
}

/** What stays through an erasure, on which ground, and until when. */
function Stays({ nodes }: { nodes: PlanNode[] }) {
  return (
    <ul className="reasons small" aria-label={text.plan.stays}>
      {nodes.filter((n) => n.kind === 'KEEP').map((n) => (
        <li key={n.number}>
          {n.dataset.name}{n.service && ` (${n.service.name})`}
          {n.retentionGround && <>: {text.plan.on(n.retentionGround)}</>}
          {n.dataset.retentionPolicy?.legalReference && `, ${n.dataset.retentionPolicy.legalReference}`}
          {n.until && `, ${text.plan.until(shortDay(n.until))}`}
        </li>
      ))}
    </ul>
  );
}

const rank = { GAP: 0, ASK: 1, KEEP: 1, EXPIRE: 2, EXCLUDED: 3 };

function Nodes({ all, exports }: { all: PlanNode[]; exports: boolean }) {
  const c = text.plan.columns;
  // Gaps first: they are what a reader must not miss.
  const nodes = all.toSorted((a, b) => rank[a.kind] - rank[b.kind] || a.number - b.number);
  // Waves are numbers of the whole protocol; readers count from 1.
  const waves = [...new Set(nodes.flatMap((n) => n.wave ?? []))].sort((a, b) => a - b);
  return (
    <Scroll label={text.plan.title}>
      <table className="grid named">
        <thead>
          <tr>
            <th scope="col">{c.what}</th>
            <th scope="col">{c.who}</th>
            <th scope="col">{c.does}</th>
            <th scope="col">{c.why}</th>
            <th scope="col" className="num">{c.rows}</th>
            {!exports && <th scope="col">{c.gone}</th>}
          </tr>
        </thead>
        <tbody>
          {nodes.map((n) => <NodeRow key={n.number} node={n} step={n.wave === null || n.wave === undefined ? 0 : waves.indexOf(n.wave) + 1} exports={exports} />)}
        </tbody>
      </table>
    </Scroll>
  );
}

function NodeRow({ node: n, step, exports }: { node: PlanNode; step: number; exports: boolean }) {
  const p = text.plan;
  const gone = lastDay(n.until, n.effectiveBy);
  return (
    <tr className={n.kind === 'GAP' ? 'gap' : undefined}>
      <td>
        <span className="break">{n.dataset.name}</span>
        <span className="sub break">{n.dataset.namespace}</span>
      </td>
      <td>
        {n.service?.name ?? (n.kind === 'GAP' || n.kind === 'ASK' ? p.nobody : '')}
        <span className="sub">{n.reader ? p.readBy(n.reader) : n.owner?.name}</span>
      </td>
      <td>
        <PlanKind kind={n.kind} exports={exports} />
        {step > 0 && <span className="sub">{p.wave(step)}</span>}
      </td>
      <td>
        {p.reason[n.reason]}
        <Explain node={n} />
        {n.dismissal && <span className="sub">{p.explained(n.dismissal.reason, nameOf(n.dismissal.dismissedBy), moment(n.dismissal.validTo))}</span>}
        {n.retentionGround && <span className="sub">{p.on(n.retentionGround)}{n.dataset.retentionPolicy?.legalReference && n.kind === 'KEEP' && `, ${n.dataset.retentionPolicy.legalReference}`}{n.until && `, ${p.until(shortDay(n.until))}`}</span>}
      </td>
      <td className="num">{n.count?.toLocaleString(text.locale) ?? text.app.none}</td>
      {!exports && <td className="nowrap">{gone ? shortDay(gone) : text.app.none}</td>}
    </tr>
  );
}
