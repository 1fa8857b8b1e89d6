import { Button } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useState } from 'react';
import { useMutation } from 'urql';
import { mayApprove } from '../../lib/roles';
import { text } from '../../lib/text';
import { useViewer } from '../../lib/viewer';
import { Act, Errors, errorsOf, type UserError } from '../../ui/act';
import { ClosePartially, ResolveBlock, type Request } from './queries';

/** Why a request waits for a person, and what that person can do. */
export function Blocked({ request }: { request: Request }) {
  const who = useViewer();
  const [errors, setErrors] = useState<UserError[]>([]);
  const [closing, setClosing] = useState(false);
  const [{ fetching }, resolve] = useMutation(ResolveBlock);
  const [, close] = useMutation(ClosePartially);
  if (request.state !== 'BLOCKED' || !request.blockedReason) return null;
  const may = mayApprove(who, request.openedBy);
  const input = { requestId: request.id };
  const goOn = async () => {
    const done = await resolve({ input });
    setErrors(errorsOf(done.data?.resolveBlock, done.error));
  };
  return (
    <div className="notice bad" role="alert">
      <IconAlertTriangle size={20} stroke={1.8} aria-hidden />
      <div>
        <strong>{text.state.BLOCKED}</strong>
        <p>{text.blocked[request.blockedReason]}</p>
        <Errors errors={errors} />
        {!may && <p className="small dim">{text.plan.waits}</p>}
      </div>
      {may && <Button variant="default" loading={fetching} onClick={() => void goOn()}>{text.acts.resolve}</Button>}
      {may && <Button variant="default" onClick={() => setClosing(true)}>{text.acts.partly}</Button>}
      <Act
        opened={closing}
        onClose={() => setClosing(false)}
        title={text.acts.partlyTitle}
        why={text.acts.partlyWhy}
        button={text.acts.partlyButton}
        act={async () => {
          const done = await close({ input });
          return errorsOf(done.data?.closePartially, done.error);
        }}
      />
    </div>
  );
}
