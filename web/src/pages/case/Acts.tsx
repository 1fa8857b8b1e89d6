import { Button, Menu, NativeSelect, TextInput } from '@mantine/core';
import { IconChevronDown } from '@tabler/icons-react';
import { useRef, useState } from 'react';
import { useMutation } from 'urql';
import type { ExtensionReason, IdentityMethod, NoticeChannel, PauseReason, RefusalGround } from '../../gql/graphql';
import { has, mayApprove, type Viewer } from '../../lib/roles';
import { text } from '../../lib/text';
import { dayIn } from '../../lib/time';
import { useViewer } from '../../lib/viewer';
import { Act, errorsOf } from '../../ui/act';
import { Cancel, DestroyKey, Extend, Pause, Refuse, Reopen, Unpause, Verify } from './mutations';
import type { Request } from './queries';

type Name = 'verify' | 'extend' | 'pause' | 'unpause' | 'cancel' | 'refuse' | 'reopen' | 'destroy';

/** The acts that this person can do on a request in this state. */
export function possible(r: Request, who: Viewer): Name[] {
  const open = r.state !== 'CLOSED' && r.state !== 'MERGED';
  const names: [Name, boolean][] = [
    ['verify', r.state === 'IDENTITY_PENDING' && has(who, 'HANDLER')],
    ['extend', open && !r.extendedDueOn && has(who, 'HANDLER', 'APPROVER')],
    ['pause', open && !r.pausedOn && has(who, 'HANDLER')],
    ['unpause', open && Boolean(r.pausedOn) && has(who, 'HANDLER')],
    ['refuse', open && !r.approvedAt && mayApprove(who, r.openedBy)],
    ['cancel', open && has(who, 'HANDLER', 'APPROVER')],
    ['reopen', r.state === 'CLOSED' && !r.keyDestroyedAt && has(who, 'APPROVER')],
    ['destroy', r.state === 'CLOSED' && !r.keyDestroyedAt && has(who, 'APPROVER')],
  ];
  return names.filter(([, may]) => may).map(([name]) => name);
}

/** The menu of rarer acts, and their dialogues. */
export function Acts({ request }: { request: Request }) {
  const who = useViewer();
  const [chosen, setChosen] = useState<Name | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const all = possible(request, who);
  if (all.length === 0) return null;
  const a = text.acts;
  const close = () => {
    setChosen(null);
    // The entry that opened the dialogue is gone with its menu, so the focus goes to the menu's button.
    setTimeout(() => button.current?.focus());
  };
  const props = (name: Name) => ({ request, opened: chosen === name, onClose: close });
  return (
    <>
      <Menu position="bottom-end" transitionProps={{ duration: 100 }} withinPortal={false} withInitialFocusPlaceholder={false}>
        <Menu.Target>
          <Button ref={button} variant="default" rightSection={<IconChevronDown size={15} />}>{a.more}</Button>
        </Menu.Target>
        <Menu.Dropdown>
          {all.map((name) => <Menu.Item key={name} onClick={() => setChosen(name)}>{a[name]}</Menu.Item>)}
        </Menu.Dropdown>
      </Menu>
      <VerifyAct {...props('verify')} />
      <ExtendAct {...props('extend')} />
      <PauseAct {...props('pause')} />
      <UnpauseAct {...props('unpause')} />
      <RefuseAct {...props('refuse')} />
      <CancelAct {...props('cancel')} />
      <ReopenAct {...props('reopen')} />
      <DestroyAct {...props('destroy')} />
    </>
  );
}

interface Props {
  request: Request;
  opened: boolean;
  onClose: () => void;
}

const choices = (words: Record<string, string>) => Object.entries(words).map(([value, label]) => ({ value, label }));

function VerifyAct({ request, ...rest }: Props) {
  const [method, setMethod] = useState<IdentityMethod>('ACCOUNT_LOGIN');
  const [, verify] = useMutation(Verify);
  return (
    <Act
      {...rest}
      title={text.acts.verifyTitle}
      button={text.acts.verifyButton}
      act={async () => {
        const done = await verify({ input: { requestId: request.id, method } });
        return errorsOf(done.data?.verifyIdentity, done.error);
      }}
    >
      {(at) => <NativeSelect label={text.open.identity} value={method} error={at('method')} onChange={(e) => setMethod(e.currentTarget.value as IdentityMethod)} data={choices(text.identity)} />}
    </Act>
  );
}

function ExtendAct({ request, ...rest }: Props) {
  const [reason, setReason] = useState<ExtensionReason>('COMPLEXITY');
  const [noticeSentOn, setOn] = useState(() => dayIn(request.controller.timeZone, new Date()));
  const [channel, setChannel] = useState<NoticeChannel>('EMAIL');
  const [, extend] = useMutation(Extend);
  return (
    <Act
      {...rest}
      title={text.acts.extendTitle}
      why={text.acts.extendWhy}
      button={text.app.save}
      act={async () => {
        const done = await extend({ input: { requestId: request.id, reason, noticeSentOn, channel } });
        return errorsOf(done.data?.extendDeadline, done.error);
      }}
    >
      {(at) => (
        <>
          <NativeSelect label={text.acts.reason} value={reason} error={at('reason')} onChange={(e) => setReason(e.currentTarget.value as ExtensionReason)} data={choices(text.extension)} />
          <div className="two">
            <TextInput type="date" label={text.acts.toldOn} required value={noticeSentOn} error={at('noticeSentOn')} onChange={(e) => setOn(e.currentTarget.value)} />
            <NativeSelect label={text.acts.toldHow} value={channel} error={at('channel')} onChange={(e) => setChannel(e.currentTarget.value as NoticeChannel)} data={choices(text.channel)} />
          </div>
        </>
      )}
    </Act>
  );
}

function PauseAct({ request, ...rest }: Props) {
  const [reason, setReason] = useState<PauseReason>('CLARIFICATION');
  const [, pause] = useMutation(Pause);
  return (
    <Act
      {...rest}
      title={text.acts.pauseTitle}
      button={text.acts.pause.replace('…', '')}
      act={async () => {
        const done = await pause({ input: { requestId: request.id, reason } });
        return errorsOf(done.data?.pauseClock, done.error);
      }}
    >
      {(at) => <NativeSelect label={text.acts.reason} value={reason} error={at('reason')} onChange={(e) => setReason(e.currentTarget.value as PauseReason)} data={choices(text.pause)} />}
    </Act>
  );
}

function UnpauseAct({ request, ...rest }: Props) {
  const [, unpause] = useMutation(Unpause);
  return (
    <Act
      {...rest}
      title={text.acts.unpause}
      button={text.acts.unpause}
      act={async () => {
        const done = await unpause({ input: { requestId: request.id } });
        return errorsOf(done.data?.resumeClock, done.error);
      }}
    />
  );
}

function RefuseAct({ request, ...rest }: Props) {
  const [ground, setGround] = useState<RefusalGround>('CANNOT_IDENTIFY');
  const [, refuse] = useMutation(Refuse);
  return (
    <Act
      {...rest}
      title={text.acts.refuseTitle}
      why={text.acts.refuseWhy}
      button={text.acts.refuseButton}
      danger
      act={async () => {
        const done = await refuse({ input: { requestId: request.id, ground } });
        return errorsOf(done.data?.refuseRequest, done.error);
      }}
    >
      {(at) => <NativeSelect label={text.acts.reason} value={ground} error={at('ground')} onChange={(e) => setGround(e.currentTarget.value as RefusalGround)} data={choices(text.refusal)} />}
    </Act>
  );
}

function CancelAct({ request, ...rest }: Props) {
  const [, cancel] = useMutation(Cancel);
  return (
    <Act
      {...rest}
      title={text.acts.cancelTitle}
      why={text.acts.cancelWhy}
      button={text.acts.cancelButton}
      danger
      type={{ label: text.acts.cancelType(request.caseNumber), word: request.caseNumber }}
      act={async () => {
        const done = await cancel({ input: { requestId: request.id } });
        return errorsOf(done.data?.cancelRequest, done.error);
      }}
    />
  );
}

function ReopenAct({ request, ...rest }: Props) {
  const [, reopen] = useMutation(Reopen);
  return (
    <Act
      {...rest}
      title={text.acts.reopenTitle}
      why={text.acts.reopenWhy}
      button={text.acts.reopen.replace('…', '')}
      act={async () => {
        const done = await reopen({ input: { requestId: request.id } });
        return errorsOf(done.data?.reopenRequest, done.error);
      }}
    />
  );
}

function DestroyAct({ request, ...rest }: Props) {
  const [, destroy] = useMutation(DestroyKey);
  return (
    <Act
      {...rest}
      title={text.acts.destroyTitle}
      why={text.acts.destroyWhy}
      button={text.acts.destroyButton}
      danger
      type={{ label: text.acts.cancelType(request.caseNumber), word: request.caseNumber }}
      act={async () => {
        const done = await destroy({ input: { requestId: request.id } });
        return errorsOf(done.data?.destroyRequestKey, done.error);
      }}
    />
  );
}
