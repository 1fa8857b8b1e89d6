import { Button } from '@mantine/core';
import { IconHandStop } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useMutation, useQuery } from 'urql';
import { graphql } from '../../gql';
import { has, needs } from '../../lib/roles';
import { text } from '../../lib/text';
import { moment } from '../../lib/time';
import { useViewer } from '../../lib/viewer';
import { Act, errorsOf } from '../../ui/act';
import { nameOf } from '../../ui/page';

const StopsQuery = graphql(`
  query Stops {
    emergencyStops {
      service {
        id
        name
      }
      setBy {
        id
        name
      }
      setAt
    }
  }
`);

const Stop = graphql(`
  mutation EmergencyStop($input: EmergencyStopInput!) {
    emergencyStop(input: $input) {
      stop {
        setAt
        service {
          id
          stopped
        }
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

const Resume = graphql(`
  mutation Resume($input: EmergencyStopInput!) {
    resume(input: $input) {
      stop {
        setAt
        service {
          id
          stopped
        }
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

const context = { additionalTypenames: ['EmergencyStop', 'Service'] };

/** A line above every page for each emergency stop that stands. */
export function Stops() {
  const who = useViewer();
  const see = has(who, ...needs.requests);
  const [{ data }, again] = useQuery({ query: StopsQuery, context, pause: !see });
  const [, resume] = useMutation(Resume);
  const [lifted, setLifted] = useState<string | null | undefined>(undefined);
  useEffect(() => {
    if (!see) return;
    const timer = setInterval(() => again({ requestPolicy: 'network-only' }), 15_000); // others can stop too
    return () => clearInterval(timer);
  }, [again, see]);
  return (
    <>
      {data?.emergencyStops.map((s) => (
        <div className="banner" role="alert" key={s.service?.id ?? 'all'}>
          <IconHandStop size={20} stroke={1.8} aria-hidden />
          <span>{s.service ? text.stop.one(s.service.name, nameOf(s.setBy), moment(s.setAt)) : text.stop.all(nameOf(s.setBy), moment(s.setAt))}</span>
          {has(who, 'APPROVER') && <Button size="xs" variant="default" onClick={() => setLifted(s.service?.id ?? null)}>{text.stop.resume}</Button>}
        </div>
      ))}
      <Act
        opened={lifted !== undefined}
        onClose={() => setLifted(undefined)}
        title={text.stop.resumeTitle}
        why={text.stop.resumeWhy}
        button={text.stop.resume}
        act={async () => {
          const done = await resume({ input: { serviceId: lifted } }, context);
          return errorsOf(done.data?.resume, done.error);
        }}
      />
    </>
  );
}

/** The button that stops all messages, or those to one service. */
export function StopButton({ service, label }: { service?: { id: string; name: string }; label?: string }) {
  const who = useViewer();
  const [opened, setOpened] = useState(false);
  const [, stop] = useMutation(Stop);
  const [{ data }] = useQuery({ query: StopsQuery, context, requestPolicy: 'cache-first', pause: !has(who, 'APPROVER') });
  const all = data?.emergencyStops.some((s) => !s.service);
  if (!has(who, 'APPROVER') || all) return null;
  return (
    <>
      <Button variant="default" className="danger-line" size={service ? 'compact-xs' : 'sm'} onClick={() => setOpened(true)} leftSection={<IconHandStop size={15} stroke={1.8} />} aria-label={service ? text.services.stopWhy(service.name) : undefined}>
        {label ?? text.stop.button}
      </Button>
      <Act
        opened={opened}
        onClose={() => setOpened(false)}
        title={service ? text.services.stopWhy(service.name) : text.stop.title}
        why={text.stop.why}
        button={service ? text.services.stop : text.stop.confirm}
        danger
        act={async () => {
          const done = await stop({ input: { serviceId: service?.id } }, context);
          return errorsOf(done.data?.emergencyStop, done.error);
        }}
      />
    </>
  );
}
