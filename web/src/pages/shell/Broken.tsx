import { Button } from '@mantine/core';
import { text } from '../../lib/text';
import { Empty } from '../../ui/page';

/** In the place of a page that failed to load, as after an update, or to draw. */
export function Broken() {
  return (
    <div className="sheet" role="alert">
      <Empty title={text.app.broken} why={text.app.brokenWhy}>
        <Button onClick={() => window.location.reload()}>{text.app.reload}</Button>
      </Empty>
    </div>
  );
}
