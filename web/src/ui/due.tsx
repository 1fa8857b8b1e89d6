import { IconAlertCircle, IconCircle, IconCircleCheck, IconClock, IconPlayerPause } from '@tabler/icons-react';
import { due, type Dates, type Urgency } from '../lib/due';
import { text } from '../lib/text';
import { day } from '../lib/time';

const signs: Record<Urgency, typeof IconClock> = {
  over: IconAlertCircle, now: IconAlertCircle, soon: IconClock, calm: IconCircle, still: IconPlayerPause, done: IconCircleCheck,
};

/** The due date as a countdown, with the date itself on hover and for screen readers. */
export function DueChip({ dueOn, ...dates }: Dates & { dueOn: string }) {
  const { urgency, words } = due(dates);
  const Sign = signs[urgency];
  return (
    <span className={`due ${urgency}`} title={text.due.by(day(dueOn))}>
      <Sign size={15} stroke={1.8} aria-hidden />
      {words}
      {urgency !== 'done' && <span className="hidden">, {text.due.by(day(dueOn))}</span>}
    </span>
  );
}
