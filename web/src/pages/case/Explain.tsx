import { Button, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useClient, useMutation } from 'urql';
import { mayExplain } from '../../lib/roles';
import { text } from '../../lib/text';
import { useViewer } from '../../lib/viewer';
import { Act, Errors, errorsOf, type UserError } from '../../ui/act';
import { DismissReader, ReadsDocument } from './mutations';
import type { PlanNode } from './queries';

/** How a plan writes the name of a consumer group: erasure's readerName. */
export const planName = (group: string): string => group.replace(/[^a-zA-Z0-9._-]/gu, '_').slice(0, 200);

interface Read {
  cluster: string;
  group: string;
}

/** Says why a reader that is a gap need not be asked. For whoever answers for the data that it reads. */
export function Explain({ node: n }: { node: PlanNode }) {
  const who = useViewer();
  const client = useClient();
  const [reads, setReads] = useState<Read[]>([]);
  const [opened, setOpened] = useState(false);
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<UserError[]>([]);
  const [said, setSaid] = useState(false);
  if (n.kind !== 'GAP' || !n.reader || !mayExplain(who, n.owner)) return null;
  const p = text.plan;
  // A plan writes a name in plain letters and names no cluster; the explanation wants both as they are.
  const look = async () => {
    setBusy(true);
    const { data, error } = await client.query(ReadsDocument, { id: n.dataset.id }, { requestPolicy: 'network-only' }).toPromise();
    setBusy(false);
    setErrors(errorsOf(null, error));
    if (error) return;
    const all = data?.node?.__typename === 'Dataset' ? data.node.observedReads : [];
    setReads(all.filter((r) => planName(r.group) === n.reader && r.service?.id === n.service?.id && !r.dismissal));
    setOpened(true);
  };
  return (
    <>
      {said ? <span className="sub" role="status">{p.explainedNow}</span> : <Button size="compact-sm" variant="light" loading={busy} onClick={() => void look()} aria-label={`${p.explain}: ${n.reader}`}>{p.explain}…</Button>}
      <Errors errors={errors} />
      <Dialogue node={n} reads={reads} opened={opened} onClose={() => setOpened(false)} done={() => setSaid(true)} />
    </>
  );
}

/** The last moment of a day, where the reader is. */
const endOf = (date: string) => new Date(`${date}T23:59:59`).toISOString();

function Dialogue({ node: n, reads, opened, onClose, done }: { node: PlanNode; reads: Read[]; opened: boolean; onClose: () => void; done: () => void }) {
  const [which, setWhich] = useState(0);
  const [reason, setReason] = useState('');
  const [until, setUntil] = useState('');
  const [, dismiss] = useMutation(DismissReader);
  const p = text.plan;
  const read = reads[which] ?? reads[0];
  return (
    <Act
      opened={opened}
      onClose={onClose}
      title={p.explainTitle}
      why={
        <div className="stack">
          <p className="break"><strong>{read?.group ?? n.reader}</strong> · {n.dataset.namespace} {n.dataset.name}</p>
          <p>{read ? p.explainWhy : p.explainNone}</p>
        </div>
      }
      button={p.explain}
      act={async () => {
        const { data, error } = await dismiss({ input: { cluster: read?.cluster, name: read?.group ?? n.reader!, datasetId: n.dataset.id, reason, validTo: endOf(until) } });
        const errors = errorsOf(data?.dismissReader, error);
        if (errors.length === 0) done();
        return errors;
      }}
    >
      {(at) => (
        <>
          {reads.length > 1 && (
            <NativeSelect label={p.explainWhich} value={String(which)} error={at('name')} onChange={(e) => setWhich(Number(e.currentTarget.value))} data={reads.map((r, i) => ({ value: String(i), label: `${r.group} (${r.cluster})` }))} />
          )}
          <Textarea label={p.explainReason} description={p.explainReasonHint} required rows={3} value={reason} error={at('reason')} onChange={(e) => setReason(e.currentTarget.value)} />
          <TextInput type="date" label={p.explainUntil} description={p.explainUntilHint} required value={until} error={at('validTo')} onChange={(e) => setUntil(e.currentTarget.value)} />
        </>
      )}
    </Act>
  );
}
