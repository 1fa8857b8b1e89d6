import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { Broken } from './pages/shell/Broken';
import { Shell } from './pages/shell/Shell';
import { Lost } from './pages/shell/Lost';

/** What stands in the address of the list of requests, so that a view can be sent to a colleague. */
export interface ListSearch {
  view?: 'decide' | 'approve' | 'running' | 'closed' | 'all'; // open when absent
  type?: 'ERASURE' | 'ACCESS' | 'PORTABILITY';
  due?: 'overdue' | 'week' | 'fortnight';
  after?: string;
}

const oneOf = <T extends string>(value: unknown, ...known: T[]): T | undefined => known.find((k) => k === value);
const some = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

const root = createRootRoute({ component: Shell, notFoundComponent: Lost });

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  validateSearch: (s: Record<string, unknown>): { sign_in?: string } => ({ sign_in: some(s.sign_in) }),
  beforeLoad: ({ search }) => {
    if (!search.sign_in) throw redirect({ to: '/requests', replace: true });
  },
});

export const listRoute = createRoute({
  getParentRoute: () => root,
  path: '/requests',
  validateSearch: (s: Record<string, unknown>): ListSearch => ({
    view: oneOf(s.view, 'decide', 'approve', 'running', 'closed', 'all'),
    type: oneOf(s.type, 'ERASURE', 'ACCESS', 'PORTABILITY'),
    due: oneOf(s.due, 'overdue', 'week', 'fortnight'),
    after: some(s.after),
  }),
  component: lazyRouteComponent(() => import('./pages/requests/List'), 'List'),
});

const newRoute = createRoute({
  getParentRoute: () => root,
  path: '/requests/new',
  component: lazyRouteComponent(() => import('./pages/requests/New'), 'New'),
});

export type Tab = 'plan' | 'progress' | 'evidence' | 'package' | 'notices' | 'trail';

export const caseRoute = createRoute({
  getParentRoute: () => root,
  path: '/requests/$caseNumber',
  validateSearch: (s: Record<string, unknown>): { tab?: Tab } => ({ tab: oneOf(s.tab, 'plan', 'progress', 'evidence', 'package', 'notices', 'trail') }),
  component: lazyRouteComponent(() => import('./pages/case/Case'), 'Case'),
});

const servicesRoute = createRoute({
  getParentRoute: () => root,
  path: '/services',
  validateSearch: (s: Record<string, unknown>): { after?: string } => ({ after: some(s.after) }),
  component: lazyRouteComponent(() => import('./pages/services/Services'), 'Services'),
});

const catalogRoute = createRoute({
  getParentRoute: () => root,
  path: '/catalog',
  validateSearch: (s: Record<string, unknown>): { after?: string; personal?: 'yes' } => ({ after: some(s.after), personal: oneOf(s.personal, 'yes') }),
  component: lazyRouteComponent(() => import('./pages/catalog/Catalog'), 'Catalog'),
});

const alertsRoute = createRoute({
  getParentRoute: () => root,
  path: '/alerts',
  validateSearch: (s: Record<string, unknown>): { after?: string } => ({ after: some(s.after) }),
  component: lazyRouteComponent(() => import('./pages/alerts/Alerts'), 'Alerts'),
});

const auditRoute = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  validateSearch: (s: Record<string, unknown>): { after?: string } => ({ after: some(s.after) }),
  component: lazyRouteComponent(() => import('./pages/audit/Audit'), 'Audit'),
});

export const router = createRouter({
  routeTree: root.addChildren([home, listRoute, newRoute, caseRoute, alertsRoute, servicesRoute, catalogRoute, auditRoute]),
  // Plain names and words, not JSON: addresses are for people too.
  parseSearch: (s) => Object.fromEntries(new URLSearchParams(s)),
  stringifySearch: (o) => {
    const q = new URLSearchParams(Object.entries(o).filter((e): e is [string, string] => typeof e[1] === 'string')).toString();
    return q === '' ? '' : `?${q}`;
  },
  defaultPreload: 'intent',
  defaultErrorComponent: Broken,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
