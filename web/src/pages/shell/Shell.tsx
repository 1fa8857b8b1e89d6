import { ActionIcon, Button, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { IconBell, IconDatabase, IconFileText, IconHistory, IconLogout, IconMenu2, IconMoon, IconPlus, IconServer2, IconSun } from '@tabler/icons-react';
import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { useQuery } from 'urql';
import { graphql } from '../../gql';
import { onSignedOut, Refused } from '../../lib/client';
import { has, needs } from '../../lib/roles';
import { text } from '../../lib/text';
import { useViewer, ViewerProvider } from '../../lib/viewer';
import { Failure } from '../../ui/page';
import { LanguageButtons } from '../../ui/language';
import { Gate } from './Gate';
import { Stops } from './Stops';
import { AlertCount } from './AlertCount';

const ViewerQuery = graphql(`
  query Viewer {
    viewer {
      id
      name
      roles
      teams
    }
  }
`);

/** The frame of every page; whoever is not signed in sees the gate instead. */
export function Shell() {
  const [out, setOut] = useState(false);
  const [{ data, error }, again] = useQuery({ query: ViewerQuery });
  useEffect(() => onSignedOut(() => setOut(true)), []);
  const refused = error?.networkError instanceof Refused && error.networkError.status === 401;
  if (out || refused) return <Gate ended={Boolean(data)} />;
  if (error && !data) {
    return <main className="gate"><Failure error={error} again={() => again({ requestPolicy: 'network-only' })} /></main>;
  }
  if (!data) return null;
  return (
    <ViewerProvider value={data.viewer}>
      <Frame />
    </ViewerProvider>
  );
}

function Frame() {
  const [open, setOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const path = useRouterState({ select: (s) => s.location.pathname });
  const before = useRef(path);
  useEffect(() => {
    setOpen(false);
    // A new page is read from its start; the first begins where browsers begin.
    if (before.current !== path) main.current?.focus({ preventScroll: true });
    before.current = path;
  }, [path]);
  return (
    <div className="shell">
      <a className="skip" href="#main">{text.app.skip}</a>
      <nav className={open ? 'side open' : 'side'} aria-label={text.app.menu}>
        <Navigation />
      </nav>
      <header className="top">
        <ActionIcon className="burger" variant="subtle" color="gray" size={32} aria-label={text.app.menu} aria-expanded={open} onClick={() => setOpen(!open)}>
          <IconMenu2 size={18} />
        </ActionIcon>
        <Account />
      </header>
      <main id="main" className="main" ref={main} tabIndex={-1}>
        <Stops />
        <Outlet />
      </main>
    </div>
  );
}

function Navigation() {
  const who = useViewer();
  const onCase = useRouterState({ select: (s) => s.location.pathname.startsWith('/requests/R-') });
  const entry = (to: '/requests' | '/requests/new' | '/alerts' | '/services' | '/catalog' | '/audit', words: string, Sign: typeof IconPlus, count?: ReactNode) => (
    <li key={to}>
      <Link to={to} activeOptions={{ exact: true, includeSearch: false }} aria-current={to === '/requests' && onCase ? 'true' : undefined}>
        <Sign size={17} stroke={1.6} aria-hidden />
        {words}
        {count}
      </Link>
    </li>
  );
  return (
    <>
      <Link to="/requests" className="brand">
        <img src="/favicon.svg" alt="" />
        {text.app.name}
      </Link>
      {has(who, ...needs.requests) && (
        <>
          <h2>{text.nav.groups.requests}</h2>
          <ul>
            {entry('/requests', text.nav.requests, IconFileText)}
            {has(who, ...needs.open) && entry('/requests/new', text.nav.newRequest, IconPlus)}
            {entry('/alerts', text.nav.alerts, IconBell, <AlertCount />)}
          </ul>
        </>
      )}
      {has(who, ...needs.catalog) && (
        <>
          <h2>{text.nav.groups.data}</h2>
          <ul>
            {entry('/services', text.nav.services, IconServer2)}
            {entry('/catalog', text.nav.catalog, IconDatabase)}
          </ul>
        </>
      )}
      {has(who, ...needs.audit) && (
        <>
          <h2>{text.nav.groups.evidence}</h2>
          <ul>{entry('/audit', text.nav.audit, IconHistory)}</ul>
        </>
      )}
    </>
  );
}

function Account() {
  const who = useViewer();
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme('light') === 'dark';
  const signOut = async () => {
    await fetch('/auth/logout', { method: 'POST', headers: { 'Content-Type': 'application/json' } });
    window.location.assign('/');
  };
  return (
    <>
      <ActionIcon variant="subtle" color="gray" size={32} aria-label={text.app.theme} onClick={() => setColorScheme(dark ? 'light' : 'dark')}>
        {dark ? <IconSun size={18} stroke={1.6} /> : <IconMoon size={18} stroke={1.6} />}
      </ActionIcon>
      <LanguageButtons />
      <div className="who" aria-label={text.app.signedInAs(who.name)} role="note">
        {who.name}
        <span>{who.roles.map((r) => text.roles[r]).join(', ') || text.app.noRole}</span>
      </div>
      <Button variant="default" size="xs" leftSection={<IconLogout size={15} stroke={1.6} />} onClick={() => void signOut()}>{text.app.signOut}</Button>
    </>
  );
}
