import { Button } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useState } from 'react';
import { useMutation } from 'urql';
import { has, mayApprove } from '../../lib/roles';
import { text } from '../../lib/text';
import { useViewer } from '../../lib/viewer';
import { Act, errorsOf } from '../../ui/act';
import { context } from '../shell/AlertCount';
import { ClosePartially, Replan, ResolveBlock, Retry } from './mutations';
import type { Request } from './queries';
import { eraseAgain, liftable, reasons, retry, type Reason } from './reasons';
import { RetryButton } from './Retry';
import type { Whole } from './whole';

type Choice = 'go' | 'replan' | 'close' | 'erase';

/** Why a request waits for a person, what stands behind it, and what that person can do. */
export function Blocked({ request, all }: { request: Request; all: Whole }) {
  const who = useViewer();
  const [chosen, setChosen] = useState<Choice | null>(null);
  if (request.state !== 'BLOCKED' || !request.blockedReason) return null;
  const may = mayApprove(who, request.openedBy);
  const approved = Boolean(request.approvedAt);
  const asks = request.blockedReason === 'RESOLVE_FAILED' || request.blockedReason === 'TASK_STOPPED';
  const found = reasons(request, all.tasks, all.nodes);
  // In the dialogue stand numbers: not before all tasks are here.
  const again = all.tasksAreWhole && has(who, 'HANDLER', 'APPROVER') ? eraseAgain(request, all.tasks) : null;
  const a = text.acts;
  return (
    <section className="notice bad tall" aria-label={text.state.BLOCKED}>
      <IconAlertTriangle size={20} stroke={1.8} aria-hidden />
      <div>
        <strong>{text.state.BLOCKED}</strong>
        <p>{text.blocked[request.blockedReason]}</p>
        {found.length > 0 && <ul className="reasons">{found.map((x) => <Line key={x.key} reason={x} request={request} />)}</ul>}
        {!may && !again && <p className="small">{has(who, 'APPROVER') ? text.plan.notYours : text.plan.waits}</p>}
        <div className="row wrap">
          {may && liftable(request) && <Button variant="default" onClick={() => setChosen('go')}>{asks ? a.askAgain : a.resolve}…</Button>}
          {!approved && has(who, 'HANDLER', 'APPROVER') && <Button variant="default" onClick={() => setChosen('replan')}>{a.replan}…</Button>}
          {again && <Button variant="default" onClick={() => setChosen('erase')}>{a.eraseAgain}…</Button>}
          {may && approved && <Button variant="default" onClick={() => setChosen('close')}>{a.partly}</Button>}
        </div>
        {!approved && may && <p className="small">{a.otherwise}</p>}
      </div>
      <Decisions request={request} asks={asks} again={again} chosen={chosen} close={() => setChosen(null)} />
    </section>
  );
}

function Line({ reason: { what, detail }, request }: { reason: Reason; request: Request }) {
  const w = text.waiting;
  const way = detail.task && retry(request, detail.task);
  return (
    <li>
      <span className="break">{what}</span>
      {detail.count !== undefined && <>: {detail.usual === undefined ? w.found(detail.count) : w.rows(detail.count, detail.usual)}</>}
      {detail.task && <> · {text.progress.action[detail.task.action]}, {text.progress.state[detail.task.state]}</>}
      {detail.gap && <>: {text.plan.reason[detail.gap.reason]}{detail.gap.reader && ` (${text.plan.readBy(detail.gap.reader)})`}{detail.gap.owner && ` · ${detail.gap.owner.name}`}</>}
      {detail.code && <> <code>{detail.code}</code></>}
      {way && <> <RetryButton taskId={detail.task!.id} service={detail.task!.service.name} way={way} /></>}
    </li>
  );
}

function Decisions({ request, asks, again, chosen, close }: { request: Request; asks: boolean; again: ReturnType<typeof eraseAgain>; chosen: Choice | null; close: () => void }) {
  const [, resolve] = useMutation(ResolveBlock);
  const [, replan] = useMutation(Replan);
  const [, partly] = useMutation(ClosePartially);
  const [, retryTask] = useMutation(Retry);
  const input = { requestId: request.id };
  const a = text.acts;
  return (
    <>
      <Act
        opened={chosen === 'go'}
        onClose={close}
        title={asks ? a.askAgainTitle : a.resolveTitle}
        why={
          <div className="stack">
            <p>{asks ? a.askAgainWhy : text.decide[request.blockedReason ?? '']}</p>
            {!asks && <p className="small dim">{a.resolveWhy}</p>}
          </div>
        }
        button={asks ? a.askAgain : a.resolve}
        act={async () => {
          const done = await resolve({ input });
          return errorsOf(done.data?.resolveBlock, done.error);
        }}
      />
      <Act
        opened={chosen === 'replan'}
        onClose={close}
        title={a.replanTitle}
        why={a.replanWhy}
        button={a.replan}
        act={async () => {
          const done = await replan({ input });
          return errorsOf(done.data?.replan, done.error);
        }}
      />
      {again && (
        <Act
          opened={chosen === 'erase'}
          onClose={close}
          title={a.eraseAgainTitle}
          why={
            <div className="stack">
              <p><strong>{a.eraseAgainRows(again.rows, again.services)}</strong></p>
              <p>{a.eraseAgainWhy}</p>
            </div>
          }
          button={a.eraseAgain}
          danger
          act={async () => {
            const done = await retryTask({ input: { taskId: again.probeId } }, context);
            return errorsOf(done.data?.retryTask, done.error);
          }}
        />
      )}
      <Act
        opened={chosen === 'close'}
        onClose={close}
        title={a.partlyTitle}
        why={a.partlyWhy}
        button={a.partlyButton}
        act={async () => {
          const done = await partly({ input });
          return errorsOf(done.data?.closePartially, done.error);
        }}
      />
    </>
  );
}
