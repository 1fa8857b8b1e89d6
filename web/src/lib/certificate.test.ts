import { expect, it } from 'vitest';
import { statement } from './certificate';

const envelope = (payload: string) => JSON.stringify({ payloadType: 'application/vnd.lethe.certificate.v1+json', payload, signatures: [] });
const encode = (o: unknown) => btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(o))));

it('reads what a certificate says, in UTF-8', () => {
  const said = statement(envelope(encode({ case: 'R-2026-000001', controller: 'fl\u00f6wmart', nodes: [{ number: 1, kind: 'ASK', dataset: 'postgres://orders public.orders' }] })));
  expect(said?.controller).toBe('flöwmart');
  expect(said?.nodes[0]?.dataset).toContain('public.orders');
});

it.each(['', '{}', 'null', '<html>', envelope('%%%'), envelope(btoa('{"no":"nodes"}')), envelope(btoa('[]'))])('%s is not a certificate', (json) => {
  expect(statement(json)).toBeNull();
});
