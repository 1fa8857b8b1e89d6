import type { ReactNode } from 'react';
import type { Role } from '../../gql/graphql';
import { has } from '../../lib/roles';
import { text } from '../../lib/text';
import { useViewer } from '../../lib/viewer';
import { Empty, Head } from '../../ui/page';

/** A page for some roles; others are told which role it needs. */
export function Allowed({ roles, name, children }: { roles: Role[]; name: string; children: ReactNode }) {
  const who = useViewer();
  if (has(who, ...roles)) return children;
  const need = roles.map((r) => text.roles[r]).join(' or ');
  const own = who.roles.map((r) => text.roles[r]).join(', ') || text.app.noRole;
  return (
    <>
      <Head title={name} name={name} />
      <div className="sheet">
        <Empty title={text.app.forbidden} why={text.app.forbiddenWhy(need, own)} />
      </div>
    </>
  );
}
