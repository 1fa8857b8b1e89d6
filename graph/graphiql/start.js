// Starts GraphiQL against /graphql of the same server. Whoever is signed in to
// the portal is signed in here; a bearer token can be given as a header.
'use strict';

const example = `# Sign in at /auth/login, or give {"Authorization": "Bearer …"} under Headers.
{
  viewer { name roles }
  services(first: 10) { nodes { ref state owner { name } } }
}
`;

function send(params, headers, accept) {
  return fetch('/graphql', {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'Content-Type': 'application/json', Accept: accept, ...headers },
    body: JSON.stringify(params),
  });
}

// events reads server-sent events until the stream ends.
async function* events(params, headers) {
  const response = await send(params, headers, 'text/event-stream');
  if (!response.ok || !response.body) {
    yield await response.json();
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + value).split('\n\n');
      rest = parts.pop();
      for (const part of parts) {
        const data = part.split('\n').find((line) => line.startsWith('data: '));
        if (data) yield JSON.parse(data.slice(6));
      }
    }
  } finally {
    await reader.cancel();
  }
}

function isSubscription(params, ast) {
  const operations = (ast?.definitions ?? []).filter((d) => d.kind === 'OperationDefinition');
  const chosen = operations.find((d) => d.name?.value === params.operationName) ?? operations[0];
  return chosen?.operation === 'subscription';
}

async function fetcher(params, options) {
  const headers = options?.headers ?? {};
  if (isSubscription(params, options?.documentAST)) return events(params, headers);
  const response = await send(params, headers, 'application/json');
  return response.json();
}

ReactDOM.createRoot(document.getElementById('graphiql')).render(
  React.createElement(GraphiQL, { fetcher, defaultQuery: example, defaultEditorToolsVisibility: true }),
);
