import { Button, NativeSelect, PasswordInput, TextInput } from '@mantine/core';
import { IconArchive, IconCheck, IconDownload, IconLoader2, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { useMutation } from 'urql';
import { has } from '../../lib/roles';
import { text } from '../../lib/text';
import { bytes, moment } from '../../lib/time';
import { useViewer } from '../../lib/viewer';
import { Act, Errors, errorsOf, type UserError } from '../../ui/act';
import { Digest, Empty } from '../../ui/page';
import { Chip } from '../../ui/status';
import { PackageLink, PreparePackage, TellPassphrase } from './mutations';
import type { Request } from './queries';

type Package = NonNullable<Request['package']>;

const signs = {
  ASSEMBLING: ['info', IconLoader2], SEALED: ['ok', IconCheck], DELIVERED: ['ok', IconArchive], EXPIRED: ['mute', IconTrash],
} as const;

/** What is handed over to the data subject: one encrypted file. */
export function PackageTab({ request }: { request: Request }) {
  const who = useViewer();
  const pack = request.package;
  const p = text.pack;
  const handler = has(who, 'HANDLER');
  return (
    <section className="sheet" aria-label={p.title}>
      <header>
        <h2>{p.title}</h2>
        {pack && <Chip tint={signs[pack.state][0]} icon={signs[pack.state][1]} turning={pack.state === 'ASSEMBLING'}>{p.states[pack.state]}</Chip>}
        <div className="push">
          {handler && <Prepare request={request} />}
          {pack?.downloadUrl && <Button component="a" href={pack.downloadUrl} download leftSection={<IconDownload size={16} stroke={1.6} />}>{p.download}</Button>}
        </div>
      </header>
      {pack ? <Facts pack={pack} may={handler || has(who, 'APPROVER')} /> : <Empty title={p.none} why={p.noneWhy} />}
    </section>
  );
}

function Facts({ pack, may }: { pack: Package; may: boolean }) {
  const p = text.pack;
  return (
    <div className="pad stack">
      <dl className="facts wide">
        {pack.size !== null && pack.size !== undefined && <><dt>{p.size}</dt><dd>{bytes(pack.size)}</dd></>}
        {pack.complete !== null && pack.complete !== undefined && <><dt>{p.complete}</dt><dd>{pack.complete ? p.yes : p.no}</dd></>}
        {pack.missing.length > 0 && <><dt>{p.missing}</dt><dd className="errors">{pack.missing.map((s) => s.name).join(', ')}</dd></>}
        {pack.lateParts > 0 && <><dt /><dd>{p.late(pack.lateParts)}</dd></>}
        {pack.lock && <><dt>{p.lock}</dt><dd>{p.locks[pack.lock]}</dd></>}
        {pack.expiresAt && <><dt>{p.expires}</dt><dd>{moment(pack.expiresAt)}</dd></>}
        {pack.sha256 && <><dt>{p.hash}</dt><dd><Digest value={pack.sha256} short={false} /></dd></>}
      </dl>
      {may && pack.downloadUrl && <HandOver pack={pack} />}
    </div>
  );
}

/** A link and a passphrase for the data subject. Both live on the screen alone. */
function HandOver({ pack }: { pack: Package }) {
  const p = text.pack;
  const [, link] = useMutation(PackageLink);
  const [, tell] = useMutation(TellPassphrase);
  const [url, setUrl] = useState<{ path: string; until: string } | null>(null);
  const [passphrase, setPassphrase] = useState<string | null>(null);
  const [errors, setErrors] = useState<UserError[]>([]);
  const input = { packageId: pack.id };
  const makeLink = async () => {
    const done = await link({ input });
    setErrors(errorsOf(done.data?.createPackageLink, done.error));
    const made = done.data?.createPackageLink;
    if (made?.path && made.expiresAt) setUrl({ path: new URL(made.path, window.location.origin).href, until: made.expiresAt });
  };
  const askPassphrase = async () => {
    const done = await tell({ input });
    setErrors(errorsOf(done.data?.tellPassphrase, done.error));
    setPassphrase(done.data?.tellPassphrase.passphrase ?? null);
  };
  return (
    <>
      <div className="row">
        <Button variant="default" onClick={() => void makeLink()}>{p.link.replace('…', '')}</Button>
        {pack.lock === 'GENERATED' && <Button variant="default" onClick={() => void askPassphrase()}>{p.tell}</Button>}
      </div>
      <Errors errors={errors} />
      {url && (
        <div className="notice info">
          <div>
            <strong>{p.linkTitle}</strong>
            <p className="mono break">{url.path}</p>
            <p className="small dim">{p.linkUntil(moment(url.until))} {p.linkWhy}</p>
          </div>
        </div>
      )}
      {passphrase && (
        <div className="notice warn">
          <div>
            <strong>{p.passphrase}</strong>
            <p className="mono break">{passphrase}</p>
            <p className="small dim">{p.tellWhy}</p>
          </div>
        </div>
      )}
    </>
  );
}

type How = 'made' | 'chosen' | 'key';

function Prepare({ request }: { request: Request }) {
  const p = text.pack;
  const [opened, setOpened] = useState(false);
  const [how, setHow] = useState<How>('made');
  const [passphrase, setPassphrase] = useState('');
  const [recipient, setRecipient] = useState('');
  const [, prepare] = useMutation(PreparePackage);
  return (
    <>
      <Button variant="default" onClick={() => setOpened(true)}>{p.prepare}</Button>
      <Act
        opened={opened}
        onClose={() => {
          setOpened(false);
          setPassphrase('');
          setRecipient('');
        }}
        title={p.prepareTitle}
        why={p.prepareWhy}
        button={p.build}
        act={async () => {
          const done = await prepare({
            input: { requestId: request.id, passphrase: how === 'chosen' ? passphrase : null, recipient: how === 'key' ? recipient : null },
          });
          return errorsOf(done.data?.preparePackage, done.error);
        }}
      >
        {(at) => (
          <>
            <NativeSelect label={p.how} value={how} onChange={(e) => setHow(e.currentTarget.value as How)} data={[{ value: 'made', label: p.byGenerated }, { value: 'chosen', label: p.byChosen }, { value: 'key', label: p.byKey }]} />
            {how === 'chosen' && <PasswordInput label={p.passphrase} description={p.passphraseHelp} required minLength={12} autoComplete="new-password" value={passphrase} error={at('passphrase')} onChange={(e) => setPassphrase(e.currentTarget.value)} />}
            {how === 'key' && <TextInput label={p.key} description={p.keyHelp} required pattern="age1[a-z0-9]+" autoComplete="off" value={recipient} error={at('recipient')} onChange={(e) => setRecipient(e.currentTarget.value)} />}
          </>
        )}
      </Act>
    </>
  );
}
