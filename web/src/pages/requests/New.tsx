import { ActionIcon, Button, NativeSelect, TextInput } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { useMutation } from 'urql';
import { graphql } from '../../gql';
import type { IdentityMethod, RequestType } from '../../gql/graphql';
import { useEvery } from '../../lib/every';
import { needs } from '../../lib/roles';
import { text } from '../../lib/text';
import { dayIn } from '../../lib/time';
import { Errors, errorsOf, placed, type UserError } from '../../ui/act';
import { Empty, Failure, Head } from '../../ui/page';
import { Allowed } from '../shell/Allowed';

const Controllers = graphql(`
  query OpenControllers($after: String) {
    controllers(first: 100, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        id
        ref
        name
        country
        timeZone
      }
    }
  }
`);

const Types = graphql(`
  query OpenTypes($after: String) {
    services(first: 100, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        id
        identifierTypes
      }
    }
  }
`);

const Open = graphql(`
  mutation OpenRequest($input: OpenRequestInput!) {
    openRequest(input: $input) {
      request {
        id
        caseNumber
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

/** An identifier as it is being typed. It lives here alone, and goes when the page does. */
interface Typed {
  key: number;
  type: string;
  value: string;
}

/** The form in which a handler files what a data subject asked. */
export function New() {
  return (
    <Allowed roles={needs.open} name={text.open.title}>
      <Form />
    </Allowed>
  );
}

function Form() {
  const go = useNavigate();
  const known = useEvery(Controllers, (d) => d.controllers);
  const services = useEvery(Types, (d) => d.services);
  const [{ fetching }, open] = useMutation(Open);
  const [right, setRight] = useState<RequestType>('ERASURE');
  const [controller, setController] = useState('');
  const [typed, setTyped] = useState<Typed[]>([{ key: 0, type: '', value: '' }]);
  const [ground, setGround] = useState('17(1)(b)');
  const [identity, setIdentity] = useState<IdentityMethod | ''>('ACCOUNT_LOGIN');
  const [received, setReceived] = useState('');
  const [errors, setErrors] = useState<UserError[]>([]);
  // The same number for every try: a double click opens one request.
  const once = useRef(crypto.randomUUID());
  const controllers = known.rows ?? [];
  const chosen = controller || controllers[0]?.ref || '';
  const zone = controllers.find((c) => c.ref === chosen)?.timeZone ?? 'UTC';
  const types = [...new Set(services.rows?.flatMap((s) => s.identifierTypes))].sort();
  const { at, rest } = placed(errors);

  const submit = async (e: React.FormEvent) => {
    e.preventDefault();
    if (fetching) return;
    const done = await open({
      input: {
        type: right,
        controller: chosen,
        identifiers: typed.map((t) => ({ type: t.type || types[0] || '', value: t.value })),
        ground: right === 'ERASURE' ? ground : null,
        identity: identity || null,
        receivedAt: received && received !== dayIn(zone, new Date()) ? `${received}T12:00:00Z` : null, // today is now
        clientRequestId: once.current,
      },
    });
    const found = errorsOf(done.data?.openRequest, done.error);
    setErrors(found);
    if (found.length > 0) {
      once.current = crypto.randomUUID();
      return;
    }
    const caseNumber = done.data?.openRequest.request?.caseNumber;
    if (caseNumber) void go({ to: '/requests/$caseNumber', params: { caseNumber } });
  };

  const o = text.open;
  const change = (key: number, part: Partial<Typed>) => setTyped(typed.map((t) => (t.key === key ? { ...t, ...part } : t)));
  return (
    <>
      <Head title={o.title} name={o.title} lead={o.lead} />
      {known.error && <Failure error={known.error} again={known.again} />}
      {services.error && <Failure error={services.error} again={services.again} />}
      {known.rows?.length === 0 && <div className="sheet"><Empty title={o.noController} why={o.noControllerWhy} cli={text.catalog.cli} /></div>}
      {known.rows?.length !== 0 && services.rows && types.length === 0 && <div className="sheet"><Empty title={o.noTypes} why={o.noTypesWhy} cli={text.catalog.cli} /></div>}
      <form className="form stack" onSubmit={submit} autoComplete="off">
        <div className="sheet pad stack">
          <div className="two">
            <NativeSelect label={o.right} value={right} error={at('type')} onChange={(e) => setRight(e.currentTarget.value as RequestType)} data={Object.entries(text.typeLong).map(([value, label]) => ({ value, label }))} />
            <NativeSelect label={o.controller} description={o.controllerHelp} inputWrapperOrder={['label', 'input', 'description', 'error']} value={chosen} error={at('controller')} onChange={(e) => setController(e.currentTarget.value)} data={controllers.map((c) => ({ value: c.ref, label: `${c.name} (${c.country})` }))} />
            {right === 'ERASURE' && <NativeSelect label={o.ground} description={o.groundHelp} inputWrapperOrder={['label', 'input', 'description', 'error']} value={ground} error={at('ground')} onChange={(e) => setGround(e.currentTarget.value)} data={Object.entries(text.ground).map(([value, label]) => ({ value, label: `${value} ${label}` }))} />}
            <TextInput type="date" label={o.received} description={o.receivedHelp} inputWrapperOrder={['label', 'input', 'description', 'error']} value={received} error={at('receivedAt')} onChange={(e) => setReceived(e.currentTarget.value)} />
          </div>
        </div>
        <div className="sheet pad">
          <fieldset className="stack">
            <legend>{o.who}</legend>
            <p className="dim small" style={{ marginTop: 2 }}>{o.whoHelp}</p>
            {typed.map((t, i) => (
              <div className="row" key={t.key} role="group" aria-label={o.nth(i + 1)}>
                <NativeSelect aria-label={`${o.idType} ${i + 1}`} w={170} value={t.type || types[0]} error={at('identifiers', String(i), 'type')} onChange={(e) => change(t.key, { type: e.currentTarget.value })} data={types} />
                <TextInput className="grow" aria-label={`${o.idValue} ${i + 1}`} placeholder={o.idValue} value={t.value} required autoComplete="off" autoCapitalize="off" spellCheck={false} error={at('identifiers', String(i), 'value')} onChange={(e) => change(t.key, { value: e.currentTarget.value })} />
                {typed.length > 1 && <ActionIcon variant="default" size={36} aria-label={o.remove(i + 1)} onClick={() => setTyped(typed.filter((x) => x.key !== t.key))}><IconTrash size={16} stroke={1.6} /></ActionIcon>}
              </div>
            ))}
            <Button variant="subtle" size="compact-sm" leftSection={<IconPlus size={14} />} onClick={() => setTyped([...typed, { key: Math.max(...typed.map((t) => t.key)) + 1, type: '', value: '' }])}>{o.add}</Button>
          </fieldset>
        </div>
        <div className="sheet pad">
          <NativeSelect label={o.identity} value={identity} error={at('identity')} onChange={(e) => setIdentity(e.currentTarget.value as IdentityMethod | '')} data={[...Object.entries(text.identity).map(([value, label]) => ({ value, label })), { value: '', label: o.identityNot }]} />
        </div>
        <Errors errors={rest()} />
        <div><Button type="submit" loading={fetching} disabled={!known.rows || types.length === 0}>{o.submit}</Button></div>
      </form>
    </>
  );
}
