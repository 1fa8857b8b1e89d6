import { Link, useParams } from '@tanstack/react-router';
import { useEffect, useRef, useSyncExternalStore } from 'react';
import { useQuery, useSubscription } from 'urql';
import { daysBetween, due, elapsed } from '../../lib/due';
import { hearing } from '../../lib/client';
import { needs } from '../../lib/roles';
import { text } from '../../lib/text';
import { day, dayIn, moment, shortDay } from '../../lib/time';
import { caseRoute, type Tab } from '../../router';
import { Bar, Empty, Failure, Head, nameOf, Skeleton } from '../../ui/page';
import { RequestStatus } from '../../ui/status';
import { Allowed } from '../shell/Allowed';
import { StopButton } from '../shell/Stops';
import { Acts } from './Acts';
import { AlertsOf } from './AlertsOf';
import { Blocked } from './Blocked';
import { EvidenceTab } from './EvidenceTab';
import { NoticesTab } from './NoticesTab';
import { PackageTab } from './PackageTab';
import { PlanTab } from './PlanTab';
import { ProgressTab } from './ProgressTab';
import { CaseDocument, ProgressDocument, type Request } from './queries';
import { TrailTab } from './TrailTab';
import { useWhole, type Whole } from './whole';

/** One request of one data subject, from receipt to certificate. */
export function Case() {
  const { caseNumber } = useParams({ from: '/requests/$caseNumber' });
  return (
    <Allowed roles={needs.requests} name={caseNumber}>
      <Body caseNumber={caseNumber} key={caseNumber} />
    </Allowed>
  );
}

function Body({ caseNumber }: { caseNumber: string }) {
  const [{ data, error }, again] = useQuery({ query: CaseDocument, variables: { caseNumber } });
  const refresh = () => again({ requestPolicy: 'network-only' });
  const request = data?.request;
  if (error && !request) return <Failure error={error} again={refresh} />;
  if (!data) return <div className="sheet"><Skeleton lines={8} /></div>;
  if (!request) {
    return (
      <>
        <Head title={caseNumber} name={caseNumber} />
        <div className="sheet"><Empty title={text.app.notFound} why={text.app.notFoundWhy} /></div>
      </>
    );
  }
  return (
    <>
      {error && <Failure error={error} again={refresh} />}
      <Open request={request} refresh={refresh} />
    </>
  );
}

function Open({ request, refresh }: { request: Request; refresh: () => void }) {
  const live = useLive(request, refresh);
  const all = useWhole(request);
  const { tab } = caseRoute.useSearch();
  const shown = tab ?? usual(request);
  const c = text.case;
  return (
    <>
      <Head
        title={<span className="mono" style={{ fontSize: 20 }}>{request.caseNumber}</span>}
        name={request.caseNumber}
        badge={<RequestStatus state={request.state} outcome={request.outcome} />}
        lead={<>{c.lead(text.type[request.type], request.controller.name, shortDay(request.receivedOn))} · {c.openedBy(nameOf(request.openedBy), moment(request.openedAt))}</>}
      >
        <StopButton />
        <Acts request={request} />
      </Head>
      <div className="stack">
        <Deadline request={request} />
        <Blocked request={request} all={all} />
        <AlertsOf request={request} />
        {request.mergedInto && (
          <div className="notice info">
            <p>{c.mergedInto} <Link to="/requests/$caseNumber" params={{ caseNumber: request.mergedInto.caseNumber }}>{request.mergedInto.caseNumber}</Link></p>
          </div>
        )}
        <Waiting request={request} all={all} />
      </div>
      <Tabs request={request} shown={shown} live={live} />
      {shown === 'plan' && <PlanTab request={request} all={all} refresh={refresh} />}
      {shown === 'progress' && <ProgressTab request={request} all={all} />}
      {shown === 'evidence' && <EvidenceTab request={request} />}
      {shown === 'package' && <PackageTab request={request} />}
      {shown === 'notices' && <NoticesTab request={request} />}
      {shown === 'trail' && <TrailTab request={request} />}
      <p className="hidden" role="status">{c.announce(text.state[request.state], request.progress.done, request.progress.total)}</p>
    </>
  );
}

/** Nothing more will happen by itself. */
const final = (r: Request) => r.state === 'MERGED' || (r.state === 'CLOSED' && r.certificate !== null && r.certificate !== undefined);

/**
 * Keeps a request as it is now: asks again whenever the server says that it
 * changed, and every five seconds while the server cannot be heard.
 */
function useLive(request: Request, refresh: () => void): 'live' | 'polling' | 'final' {
  const closed = request.state === 'CLOSED' || request.state === 'MERGED';
  const [{ data, error }] = useSubscription({ query: ProgressDocument, variables: { id: request.id }, pause: closed });
  const heard = useSyncExternalStore(hearing.subscribe, hearing.now);
  const latest = useRef(refresh);
  latest.current = refresh;
  const at = data?.requestProgress.at;
  const more = request.tasks.pageInfo.hasNextPage;
  useEffect(() => {
    if (!at) return;
    // A burst of events is one question; of what takes several, fewer.
    const timer = setTimeout(() => latest.current(), more ? 1_000 : 150);
    return () => clearTimeout(timer);
  }, [at, more]);
  const mode = final(request) ? 'final' : error || !heard ? 'polling' : 'live';
  // The certificate comes some seconds after the last event, and a package may
  // be built anew long after: then, too, the page looks by itself.
  const look = mode === 'polling' || (closed && !final(request)) || request.package?.state === 'ASSEMBLING';
  useEffect(() => {
    if (mode === 'final' && !look) return;
    // No event tells that a service has left something undone, so the page looks now and then in any case.
    const timer = setInterval(() => latest.current(), mode === 'polling' ? 5_000 : look ? 1_500 : 60_000);
    return () => clearInterval(timer);
  }, [look, mode]);
  return mode;
}

/** What somebody who opens the page probably came for. The page follows the request until they choose a tab. */
function usual(r: Request): Tab {
  if (r.certificate) return r.type === 'ERASURE' ? 'evidence' : 'package';
  if (r.state === 'PLANNED' || (!r.approvedAt && r.plan)) return 'plan';
  return 'progress';
}

function Tabs({ request, shown, live }: { request: Request; shown: Tab; live: 'live' | 'polling' | 'final' }) {
  const all: Tab[] = ['plan', 'progress', 'evidence', ...(request.type === 'ERASURE' ? [] : ['package' as const]), 'notices', 'trail'];
  return (
    <ul className="tabs">
      {all.map((t) => (
        <li key={t}>
          <Link to="/requests/$caseNumber" params={{ caseNumber: request.caseNumber }} search={{ tab: t }} replace activeOptions={{ exact: true, explicitUndefined: true }} aria-current={t === shown ? 'true' : undefined}>
            {text.case.tabs[t]}
          </Link>
        </li>
      ))}
      {live !== 'final' && (
        <li style={{ marginLeft: 'auto', alignSelf: 'center' }}>
          <span className={live === 'live' ? 'live' : 'live off'}><i aria-hidden />{live === 'live' ? text.case.live : text.case.polling}</span>
        </li>
      )}
    </ul>
  );
}

function Deadline({ request: r }: { request: Request }) {
  const { urgency, words } = due(r);
  const c = text.case;
  const closed = r.daysLeft === null || r.daysLeft === undefined;
  const share = closed ? 1 : elapsed(r.receivedOn, r.dueOn, r.daysLeft!);
  return (
    <section className="sheet pad no-print" aria-label={c.timeLeft}>
      <div className="deadline">
        {closed && r.closedAt ? (
          <div>
            <div className="dim small">{c.closed}</div>
            <div className="big">{shortDay(dayIn(r.controller.timeZone, new Date(r.closedAt)))}</div>
            <div>{c.early(daysBetween(dayIn(r.controller.timeZone, new Date(r.closedAt)), r.dueOn))}</div>
          </div>
        ) : (
          <div>
            <div className="dim small">{c.timeLeft}</div>
            <div className={`big ${urgency}`}>{words}</div>
            <div>{c.dueOn(day(r.dueOn))}</div>
          </div>
        )}
        <div>
          {!closed && (
            <div className="bar" aria-hidden>
              <i className={urgency === 'over' ? 'bad' : undefined} style={{ width: `${100 * share}%` }} />
            </div>
          )}
          <div className="ends">
            <span>{c.bar.received} {shortDay(r.receivedOn)}</span>
            <span>{c.dueOn(shortDay(r.dueOn))}</span>
          </div>
        </div>
        <div>
          <div className="dim small">{c.tasks}</div>
          <div className="big">{c.ofTasks(r.progress.done, r.progress.total)}</div>
          <div className={r.progress.stopped > 0 ? 'errors' : 'dim'}>{r.progress.stopped > 0 ? c.stopped(r.progress.stopped) : ' '}</div>
        </div>
      </div>
      <details className="why">
        <summary>{c.why}</summary>
        <p>{c.whyDate.month(day(r.receivedOn), day(r.dueUnpausedOn))}</p>
        {r.extendedDueOn && r.extensionReason && <p>{c.whyDate.extended(day(r.extendedDueOn), text.extension[r.extensionReason])}</p>}
        {r.pausedOn && r.pauseReason && <p>{c.whyDate.standing(day(r.pausedOn), text.pause[r.pauseReason])}</p>}
        {r.pausedDays > 0 && <p>{c.whyDate.paused(r.pausedDays)}</p>}
        <p>{c.whyDate.calendar(r.calendar)}</p>
      </details>
    </section>
  );
}

/** What is going on before there is a plan. */
function Waiting({ request: r, all }: { request: Request; all: Whole }) {
  const words = text.case.waiting[r.state];
  if (!words) return null;
  const looks = all.tasks.filter((t) => t.action === 'LOCATE' || t.action === 'RESOLVE');
  const last = Math.max(...looks.map((t) => t.wave - (t.wave % 2))); // each planning asks in two waves of its own
  const asked = looks.filter((t) => t.wave >= last && t.state !== 'CANCELLED');
  const done = asked.filter((t) => t.state === 'DONE').length;
  return (
    <div className="notice info">
      <div>
        <p>{words}</p>
        {asked.length > 0 && (
          <div className="inline-bar" style={{ marginTop: 8 }}>
            <Bar done={done} total={asked.length} label={text.case.located(done, asked.length)} />
            <span className="small">{text.case.located(done, asked.length)}</span>
          </div>
        )}
      </div>
    </div>
  );
}
