import { Button, NativeSelect, TextInput } from '@mantine/core';
import { IconPlus, IconSearch } from '@tabler/icons-react';
import { Link, useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useQuery } from 'urql';
import { graphql } from '../../gql';
import type { RequestFilter, RequestsQuery, RequestState } from '../../gql/graphql';
import { dayAfter } from '../../lib/due';
import { has, needs } from '../../lib/roles';
import { text } from '../../lib/text';
import { shortDay } from '../../lib/time';
import { useViewer } from '../../lib/viewer';
import { listRoute, type ListSearch } from '../../router';
import { DueChip } from '../../ui/due';
import { Bar, Empty, Failure, Head, nameOf, Scroll, Skeleton } from '../../ui/page';
import { RequestStatus } from '../../ui/status';
import { Allowed } from '../shell/Allowed';
import { StopButton } from '../shell/Stops';

const Requests = graphql(`
  query Requests($first: Int!, $after: String, $filter: RequestFilter, $all: RequestFilter) {
    requestCounts(filter: $all) {
      state
      count
    }
    requests(first: $first, after: $after, filter: $filter) {
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        id
        caseNumber
        type
        state
        outcome
        dueOn
        daysLeft
        pausedOn
        receivedOn
        controller {
          id
          name
        }
        openedBy {
          id
          name
        }
        progress {
          total
          done
          stopped
        }
      }
    }
  }
`);

type Row = RequestsQuery['requests']['nodes'][number];
type View = NonNullable<ListSearch['view']> | 'open';

/** The states behind each view. */
export const views: Record<View, RequestState[] | null> = {
  open: ['RECEIVED', 'IDENTITY_PENDING', 'VERIFIED', 'BLOCKED', 'PLANNED', 'EXECUTING', 'VERIFYING'],
  decide: ['BLOCKED'],
  approve: ['PLANNED'],
  running: ['EXECUTING', 'VERIFYING'],
  closed: ['CLOSED', 'MERGED'],
  all: null,
};

const horizons = { overdue: 0, week: 8, fortnight: 15 };

/** What the server is asked for a view. */
export function filterOf(search: ListSearch, now: Date): RequestFilter {
  const states = views[search.view ?? 'open'];
  return {
    states,
    types: search.type ? [search.type] : null,
    dueBefore: search.due ? dayAfter(now, horizons[search.due]) : null,
    open: search.due !== undefined,
  };
}

/** Data subjects' requests, the one due first at the top. */
export function List() {
  return (
    <Allowed roles={needs.requests} name={text.list.title}>
      <Body />
    </Allowed>
  );
}

function Body() {
  const who = useViewer();
  const search = listRoute.useSearch();
  const [now] = useState(() => new Date());
  const filter = filterOf(search, now);
  const [{ data, error, fetching }, again] = useQuery({
    query: Requests,
    variables: { first: 50, after: search.after, filter, all: { ...filter, states: null } },
  });
  useEffect(() => {
    const timer = setInterval(() => again({ requestPolicy: 'network-only' }), 5_000);
    return () => clearInterval(timer);
  }, [again]);
  const counts = new Map(data?.requestCounts.map((c) => [c.state, c.count]));
  const count = (v: View) => [...counts].filter(([s]) => views[v]?.includes(s) ?? true).reduce((sum, [, n]) => sum + n, 0);
  return (
    <>
      <Head title={text.list.title} name={text.list.title} lead={data ? text.list.shown(count('all')) : undefined}>
        <StopButton />
        {has(who, ...needs.open) && <Button component={Link} to="/requests/new" leftSection={<IconPlus size={16} />}>{text.list.new}</Button>}
      </Head>
      <Filters search={search} count={data ? count : undefined} />
      {error && <Failure error={error} again={() => again({ requestPolicy: 'network-only' })} />}
      <div className="sheet" aria-busy={fetching}>
        {!data && !error && <Skeleton />}
        {data && data.requests.nodes.length === 0 && <Nothing search={search} />}
        {data && data.requests.nodes.length > 0 && <Rows rows={data.requests.nodes} />}
        {data && (search.after || data.requests.pageInfo.hasNextPage) && (
          <div className="more">
            {search.after && <Link to="/requests" search={{ ...search, after: undefined }}>{text.list.first}</Link>}
            {data.requests.pageInfo.hasNextPage && <Link to="/requests" search={{ ...search, after: data.requests.pageInfo.endCursor ?? undefined }}>{text.list.next}</Link>}
          </div>
        )}
      </div>
    </>
  );
}

function Filters({ search, count }: { search: ListSearch; count?: (v: View) => number }) {
  const go = useNavigate({ from: '/requests' });
  const change = (part: ListSearch) => void go({ search: { ...search, after: undefined, ...part } });
  return (
    <div className="filters">
      <ul className="views" aria-label={text.list.view}>
        {(Object.keys(views) as View[]).map((v) => (
          <li key={v}>
            <Link to="/requests" search={{ ...search, after: undefined, view: v === 'open' ? undefined : v }} activeOptions={{ exact: true, explicitUndefined: true }} aria-current={v === (search.view ?? 'open') ? 'true' : undefined}>
              {text.list.views[v]}
              {count && <b>{count(v)}</b>}
            </Link>
          </li>
        ))}
      </ul>
      <NativeSelect
        aria-label={text.list.type}
        value={search.type ?? ''}
        onChange={(e) => change({ type: (e.currentTarget.value || undefined) as ListSearch['type'] })}
        data={[{ value: '', label: text.list.anyType }, ...Object.entries(text.type).map(([value, label]) => ({ value, label }))]}
      />
      <NativeSelect
        aria-label={text.list.dueIn}
        value={search.due ?? ''}
        onChange={(e) => change({ due: (e.currentTarget.value || undefined) as ListSearch['due'] })}
        data={[{ value: '', label: text.list.anyDue }, { value: 'overdue', label: text.list.due.overdue }, { value: 'week', label: text.list.due['7'] }, { value: 'fortnight', label: text.list.due['14'] }]}
      />
      <Find />
    </div>
  );
}

/** The case number in what somebody typed or pasted, or null. */
export const caseNumberIn = (typed: string): string | null => /^R-\d{4}-\d{6,}$/.exec(typed.trim().toUpperCase())?.[0] ?? null;

/** Goes to a case by its number: the one thing of a request that people write down. */
function Find() {
  const go = useNavigate();
  const [typed, setTyped] = useState('');
  const [wrong, setWrong] = useState(false);
  const find = (e: React.FormEvent) => {
    e.preventDefault();
    const caseNumber = caseNumberIn(typed);
    setWrong(caseNumber === null);
    if (caseNumber) void go({ to: '/requests/$caseNumber', params: { caseNumber } });
  };
  return (
    <form className="find" role="search" onSubmit={find}>
      <TextInput
        aria-label={text.list.find}
        placeholder={text.list.findHint}
        leftSection={<IconSearch size={15} stroke={1.6} aria-hidden />}
        autoComplete="off"
        value={typed}
        error={wrong && text.list.badNumber}
        onChange={(e) => setTyped(e.currentTarget.value)}
      />
    </form>
  );
}

function Nothing({ search }: { search: ListSearch }) {
  const go = useNavigate({ from: '/requests' });
  const filtered = search.type || search.due || search.after || search.view !== 'all';
  if (!filtered) return <Empty title={text.list.empty} why={text.list.emptyWhy} cli={text.list.emptyCli} />;
  // Whoever comes in sees what is open: that nothing is, is good news and no filter of theirs.
  const resting = (search.view ?? 'open') === 'open' && !search.type && !search.due && !search.after;
  return (
    <Empty title={resting ? text.list.resting : text.list.filtered} why={resting ? text.list.restingWhy : text.list.filteredWhy}>
      <Button variant="default" onClick={() => void go({ search: { view: 'all' } })}>{resting ? text.list.showAll : text.list.clear}</Button>
    </Empty>
  );
}

function Rows({ rows }: { rows: Row[] }) {
  const c = text.list.columns;
  return (
    <Scroll label={text.list.title}>
      <table className="grid">
        <thead>
          <tr>
            <th scope="col">{c.case}</th>
            <th scope="col">{c.type}</th>
            <th scope="col">{c.state}</th>
            <th scope="col">{c.progress}</th>
            <th scope="col">{c.due}</th>
            <th scope="col">{c.received}</th>
            <th scope="col">{c.controller}</th>
            <th scope="col">{c.by}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((r) => (
            <tr key={r.id}>
              <td className="nowrap"><Link className="mono" to="/requests/$caseNumber" params={{ caseNumber: r.caseNumber }}>{r.caseNumber}</Link></td>
              <td>{text.type[r.type]}</td>
              <td><RequestStatus state={r.state} outcome={r.outcome} /></td>
              <td><Tasks progress={r.progress} /></td>
              <td><DueChip dueOn={r.dueOn} daysLeft={r.daysLeft} pausedOn={r.pausedOn} /></td>
              <td className="nowrap dim">{shortDay(r.receivedOn)}</td>
              <td>{r.controller.name}</td>
              <td>{nameOf(r.openedBy)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Tasks({ progress: { done, stopped, total } }: { progress: Row['progress'] }) {
  if (total === 0) return <span className="dim small">{text.list.noTasks}</span>;
  return (
    <span className="inline-bar">
      <Bar done={done} stopped={stopped} total={total} label={text.list.tasks(done, total)} />
      <span className="dim small nowrap">{done}/{total}</span>
    </span>
  );
}
