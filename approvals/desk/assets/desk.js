// The desk's script. Without it the pages work with plain forms.

import "./clock.js";
import "./hold.js";
import { showDrafts, wire } from "./forms.js";
import "./team.js";
import "./queue.js";
import "./banners.js";
import "./notify.js";
import "./answered.js";
import "./context.js";
import "./keys.js";
import "./saved.js";
import "./reply.js";

wire();
showDrafts();
