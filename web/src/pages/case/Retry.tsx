import { Button } from '@mantine/core';
import { useState } from 'react';
import { useMutation } from 'urql';
import { has } from '../../lib/roles';
import { text } from '../../lib/text';
import { useViewer } from '../../lib/viewer';
import { Errors, errorsOf, type UserError } from '../../ui/act';
import { context } from '../shell/AlertCount';
import { Retry } from './mutations';

/** Asks a service again for a task that stopped, or at once for one that waits. */
export function RetryButton({ taskId, service, way }: { taskId: string; service: string; way: 'again' | 'now' }) {
  const who = useViewer();
  const [errors, setErrors] = useState<UserError[]>([]);
  const [{ fetching }, retry] = useMutation(Retry);
  if (!has(who, 'HANDLER', 'APPROVER')) return null;
  const words = way === 'again' ? text.progress.retry : text.progress.now;
  const ask = async () => {
    const done = await retry({ input: { taskId } }, context);
    setErrors(errorsOf(done.data?.retryTask, done.error));
  };
  return (
    <>
      <Button size="compact-sm" variant="light" loading={fetching} onClick={() => void ask()} aria-label={`${words}: ${service}`}>{words}</Button>
      <Errors errors={errors} />
    </>
  );
}
