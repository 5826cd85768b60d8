// The desk's script. Without it the pages work with plain forms.

import "./clock.js";
import "./hold.js";
import { wire } from "./forms.js";
import "./queue.js";
import "./banners.js";
import "./keys.js";
import "./saved.js";
import "./reply.js";

wire();
