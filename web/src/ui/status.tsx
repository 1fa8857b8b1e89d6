import {
  IconAlertTriangle, IconArchive, IconBan, IconCheck, IconCircleDashed, IconClock, IconEye, IconGitMerge, IconHourglass, IconLoader2, IconSearch, IconSend, IconUserQuestion, IconX, type Icon,
} from '@tabler/icons-react';
import type { PlanNodeKind, RequestOutcome, RequestState, ServiceState, TaskState } from '../gql/graphql';
import { text } from '../lib/text';

export type Tint = 'ok' | 'warn' | 'bad' | 'info' | 'mute';

/** A status: never colour alone, always an icon and a word. */
export function Chip({ tint, icon: Sign, children, turning }: { tint: Tint; icon: Icon; children: React.ReactNode; turning?: boolean }) {
  return (
    <span className={`chip ${tint}`}>
      <Sign size={14} stroke={1.8} aria-hidden className={turning ? 'spin' : undefined} />
      {children}
    </span>
  );
}

const states: Record<RequestState, [Tint, Icon]> = {
  RECEIVED: ['info', IconClock],
  IDENTITY_PENDING: ['warn', IconUserQuestion],
  VERIFIED: ['info', IconSearch],
  BLOCKED: ['bad', IconAlertTriangle],
  PLANNED: ['warn', IconHourglass],
  EXECUTING: ['info', IconLoader2],
  VERIFYING: ['info', IconEye],
  CLOSED: ['ok', IconCheck],
  MERGED: ['mute', IconGitMerge],
};

const outcomes: Record<RequestOutcome, [Tint, Icon]> = {
  FULFILLED: ['ok', IconCheck],
  FULFILLED_WITH_RETENTION: ['ok', IconArchive],
  PARTIALLY_FULFILLED: ['warn', IconAlertTriangle],
  NO_DATA_HELD: ['mute', IconCircleDashed],
  REFUSED: ['mute', IconBan],
  CANCELLED: ['mute', IconX],
  CANCELLED_AFTER_PARTIAL: ['warn', IconX],
};

/** Where a request stands; of a closed one, how it ended. */
export function RequestStatus({ state, outcome }: { state: RequestState; outcome?: RequestOutcome | null }) {
  if (state === 'CLOSED' && outcome) {
    const [tint, icon] = outcomes[outcome];
    return <Chip tint={tint} icon={icon}>{text.outcome[outcome]}</Chip>;
  }
  const [tint, icon] = states[state];
  return <Chip tint={tint} icon={icon} turning={state === 'EXECUTING'}>{text.state[state]}</Chip>;
}

const tasks: Record<TaskState, [Tint, Icon]> = {
  WAITING: ['mute', IconHourglass],
  READY: ['info', IconSend],
  SENT: ['info', IconSend],
  WORKING: ['info', IconLoader2],
  POISONED: ['bad', IconAlertTriangle],
  REFUSED: ['bad', IconBan],
  DONE: ['ok', IconCheck],
  CANCELLED: ['mute', IconX],
};

/** Where a task stands. One that failed and will be sent again says so. */
export function TaskStatus({ state, again }: { state: TaskState; again: boolean }) {
  if (again) return <Chip tint="warn" icon={IconClock}>{text.progress.again}</Chip>;
  const [tint, icon] = tasks[state];
  return <Chip tint={tint} icon={icon} turning={state === 'WORKING'}>{text.progress.state[state]}</Chip>;
}

const kinds: Record<PlanNodeKind, [Tint, Icon]> = {
  ASK: ['info', IconSend],
  KEEP: ['warn', IconArchive],
  EXPIRE: ['mute', IconHourglass],
  GAP: ['bad', IconAlertTriangle],
  EXCLUDED: ['mute', IconCircleDashed],
};

/** What a plan does about a dataset. */
export function PlanKind({ kind, exports }: { kind: PlanNodeKind; exports: boolean }) {
  const [tint, icon] = kinds[kind];
  return <Chip tint={tint} icon={icon}>{kind === 'ASK' && exports ? text.plan.export : text.plan.kind[kind]}</Chip>;
}

const serviceStates: Record<ServiceState, [Tint, Icon]> = {
  DECLARED: ['warn', IconUserQuestion],
  ACTIVE: ['ok', IconCheck],
  DISABLED: ['mute', IconBan],
};

/** Whether a service can be asked. */
export function ServiceStatus({ state }: { state: ServiceState }) {
  const [tint, icon] = serviceStates[state];
  return <Chip tint={tint} icon={icon}>{text.services.state[state]}</Chip>;
}
