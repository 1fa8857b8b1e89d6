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

const stream = createStream({
  url: '/graphql',
  fetchFn: ask,
  credentials: 'same-origin',
  retryAttempts: 5,
});

/** Whether the stream of events is whole; the pages look again by themselves while it is not. */
export const client = createClient({
  url: '/graphql',
  preferGetMethod: false,
  fetch: ask,
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
