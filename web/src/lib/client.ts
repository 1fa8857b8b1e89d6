import { cacheExchange, createClient, fetchExchange, mapExchange, subscriptionExchange } from 'urql';
import { createClient as createStream } from 'graphql-sse';

let signedOut: () => void = () => undefined;

/** Says what to do when the server no longer knows the session. */
export function onSignedOut(then: () => void): void {
  signedOut = then;
}

/** A refusal by the server that is not an answer of GraphQL. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly requestId: string,
  ) {
    super(`HTTP ${status}`);
  }
}

// The session is a cookie that no script can read. JSON as the type is what
// tells the server that no form of another site sent this.
const ask: typeof fetch = async (input, init) => {
  const response = await fetch(input, { ...init, credentials: 'same-origin' });
  if (response.status === 401) {
    signedOut();
    throw new Refused(401, response.headers.get('X-Request-Id') ?? '');
  }
  const json = (response.headers.get('Content-Type') ?? '').includes('json');
  if (!response.ok && !(json && response.status === 422)) {
    throw new Refused(response.status, response.headers.get('X-Request-Id') ?? '');
  }
  return response;
};

let heard = true;
const listeners = new Set<() => void>();

function setHeard(now: boolean): void {
  heard = now;
  for (const tell of listeners) tell();
}

/** Whether events of the server arrive. While they do not, pages look again by themselves. */
export const hearing = {
  now: (): boolean => heard,
  subscribe: (tell: () => void): (() => void) => {
    listeners.add(tell);
    return () => listeners.delete(tell);
  },
};

const longestWait = 15_000;

const stream = createStream({
  url: '/graphql',
  fetchFn: ask,
  credentials: 'same-origin',
  retryAttempts: Number.MAX_SAFE_INTEGER, // the server comes back at some time
  retry: (n) => new Promise((done) => setTimeout(done, Math.min(500 * 2 ** n, longestWait) * (0.5 + Math.random() / 2))),
  on: {
    connecting: (again) => {
      if (again) setHeard(false);
    },
    connected: () => setHeard(true),
  },
});

/** The way to the server: questions by POST, a subscription as a stream of events. */
export const client = createClient({
  url: '/graphql',
  preferGetMethod: false,
  fetch: ask,
  // Only a subscription is a stream, which the server gives other limits.
  fetchOptions: { headers: { accept: 'application/graphql-response+json, application/json' } },
  requestPolicy: 'cache-and-network',
  exchanges: [
    mapExchange({ onError: (e) => void e.graphQLErrors.some((g) => g.extensions?.code === 'UNAUTHENTICATED' && signedOut()) }),
    cacheExchange,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: (operation) => ({
        subscribe: (sink) => ({ unsubscribe: stream.subscribe({ ...operation, query: operation.query ?? '' }, sink as never) }),
      }),
    }),
  ],
});
